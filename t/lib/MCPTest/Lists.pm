package MCPTest::Lists;

# Answers with lists at random, with everything in them that JSON libraries
# and line readers take apart differently.  A text is made of pieces, so that
# what is left of it is known byte for byte:
#
#   my $lists = MCPTest::Lists->new();
#   my $text = $lists->message(id => 1, kind => 'tools', size => 5);
#   $text->full                 what the server sends
#   $text->left([ 0, 3 ])       what stays of its list
#
# srand() decides what comes.

use warnings;
use strict;

my %member = (tools => 'name', prompts => 'name', resources => 'uri',
              resourceTemplates => 'uriTemplate');

# The result nests three containers around an element.
my $depth = 64;

my @numbers = qw/ 12345678901234567890 -98765432109876543210 1e400 -1E-400
    0.1000000000000000055511151231257827 -0 -0.0 1.0 1E+2 0 9007199254740993
    100000000000000000000000000000000000000000e-20 /;

my @characters = ('a' .. 'e', ' ', '"', '\\', '/', "\t", "\n", "\r", "\x08",
                  "\x0c", "\x1f", "\x7f", map { chr } 0x85, 0xa0, 0xe9,
                  0x2028, 0x2029, 0x202e, 0x2027, 0xfeff, 0xfffd, 0xffff,
                  0x1f600, 0x10ffff, 0xe0041);

my @keys = ('', 'x', 'a.b', '__proto__', 'constructor', 'x', '$ref', "\n",
            "\x{2028}", "\x{1f600}", 'type', 'data: ', "event", '[0]', '~1',
            '],"nextCursor":"', 'inputSchema', '{"tools":[');

my %escape = ("\t" => 't', "\n" => 'n', "\r" => 'r', "\x08" => 'b',
              "\x0c" => 'f', '"' => '"', '\\' => '\\', '/' => '/');


sub new {
    my ($class) = @_;
    return bless {}, $class;
}


# One of the arguments.
sub one { $_[rand @_] }


sub space {
    my ($self) = @_;

    return '' if $self->{tight} || rand() < 0.8;
    return one(' ', "\t", "\n", "\r\n", "\r", "\n    ", '  ');
}


# A string, as any writer might spell it: UTF-8 bytes with the quotes.
sub string {
    my ($self, $text) = @_;

    my $escapes = $self->{plain} ? 0 : rand() < 0.5 ? 0 : rand();
    my $out = '';

    for my $c (split(//, $text)) {
        my $code = ord $c;
        my $must = $code < 0x20 || $c eq '"' || $c eq '\\';

        if ($escape{$c} && ($must ? rand() < 0.7 : rand() < $escapes)) {
            $out .= "\\$escape{$c}";

        } elsif ($must || rand() < $escapes) {
            my $hex = one('%04x', '%04X');
            my @units = $code < 0x10000 ? ($code)
                : (0xd800 + (($code - 0x10000) >> 10),
                   0xdc00 + (($code - 0x10000) & 0x3ff));
            $out .= join('', map { sprintf("\\u$hex", $_) } @units);

        } else {
            $out .= $c;
        }
    }

    utf8::encode($out);
    return "\"$out\"";
}


sub text {
    my ($self) = @_;
    return join('', map { one(@characters) } 1 .. rand(one(3, 12, 40)));
}


sub object {
    my ($self, @members) = @_;

    my $s = sub { $self->space() };

    return '{' . $s->() . '}' unless @members;

    return '{' . join(',', map { $s->() . $self->string($_->[0]) . $s->()
                                 . ':' . $s->() . $_->[1] . $s->() }
                      @members) . '}';
}


sub array {
    my ($self, @values) = @_;

    return '[' . $self->space() . ']' unless @values;
    return '[' . join(',', map { $self->space() . $_ . $self->space() }
                      @values) . ']';
}


# Any value with so many containers in each other at most.
sub value {
    my ($self, $room) = @_;

    my $kind = $room > 0 ? int(rand(8)) : int(rand(4));

    return $self->string($self->text()) if $kind < 2;
    return one(@numbers) if $kind == 2;
    return one(qw/ true false null /) if $kind == 3;
    return $self->array(map { $self->value($room - 1) } 1 .. rand(4))
        if $kind < 6;

    return $self->object(map { [ one(@keys), $self->value($room - 1) ] }
                         1 .. rand(4));
}


# Exactly so many containers in each other.
sub deep {
    my ($self, $levels) = @_;

    my @ends = map { one([ '[', ']' ], [ '{"x":', '}' ], [ '[1,', ']' ],
                         [ '{"":[],"properties":', '}' ]) } 1 .. $levels - 1;

    return join('', map { $_->[0] } @ends) . one('[]', '{}')
        . join('', map { $_->[1] } reverse @ends);
}


# A name that the policy may know; most are plain.
sub name {
    my ($self, $kind) = @_;

    my $n = int(rand(1000));

    if ($kind eq 'resources' || $kind eq 'resourceTemplates') {
        my $end = $kind eq 'resources' ? $n : one($n, "$n/{x}", '{?x,y*}');

        return one('file:///docs/', 'file:///docs/', 'file:///docs/a/',
                   'file:///srv/', 'secret:', 'file:///docs/keys/',
                   $kind eq 'resources' ? 'file:///docs/../'
                                        : one('http://{H}.b/', 'http://h/'))
            . $end;
    }

    return one('echo', 'add', "get_$n", "get_x$n", "list_$n")
        if rand() < 0.45;
    return one("secret$n", 'secret', "get_${n}_hidden", "admin$n", 'drop',
               "get_drop$n", "other$n", "x.y/$n") if rand() < 0.8;
    return one('', ' ', ' secret', 'Secret', 'sec', "s\x{e9}cret",
               "\x{17f}ecret", "list_1\n", "list_\x{661}", 'get_' . 'a' x 130,
               "get_\x{1f600}", "x\x{2028}secret", 'a"b', 'a\\b', '*', '~',
               "secret\x{202e}", '__proto__', "secret\n");
}


sub element {
    my ($self, $kind) = @_;

    my @members = [ $member{$kind}, $self->string($self->name($kind)) ];

    push @members, [ 'name', $self->string($self->text()) ]
        if $member{$kind} ne 'name' && rand() < 0.7;
    push @members, [ 'title', $self->string($self->text()) ]
        if rand() < 0.3;
    push @members, [ 'description', $self->string($self->text() x 3) ]
        if rand() < 0.7;
    push @members, [ 'inputSchema', $self->schema() ] if $kind eq 'tools';
    push @members, [ one(qw/ outputSchema annotations _meta icons /),
                     $self->value(4) ] if rand() < 0.3;
    push @members, [ one(@keys), $self->value(3) ] while rand() < 0.3;

    return $self->object(rand() < 0.5 ? @members : $self->mixed(@members));
}


sub schema {
    my ($self) = @_;

    # The deepest that may be: four containers are around it.
    return $self->deep($self->{depth} - 4) if rand() < 0.02;

    return $self->object(
        [ type => '"object"' ],
        rand() < 0.4 ? [ properties => $self->value(3) ] : (),
        rand() < 0.3 ? [ required => $self->array('"x"') ] : ());
}


# An answer with a list.  Options: id, its JSON; kind; size.
sub message {
    my ($self, %options) = @_;

    local $self->{depth} = $options{batch} ? $depth - 1 : $depth;
    local $self->{tight} = rand() < 0.5;
    local $self->{plain} = rand() < 0.3;

    my $list = $self->list($options{kind}, $options{size});
    my @result = [ $options{kind}, "\0list\0" ];

    push @result, [ nextCursor => $self->string($self->text()) ]
        if rand() < 0.6;
    push @result, [ _meta => $self->object([ one(@keys), $self->value(3) ]) ]
        if rand() < 0.4;
    push @result, [ cacheScope => '"public"' ],
        [ ttlMs => one(0, 5, 60000, "\0ttl\0", "\0ttl\0") ]
        if rand() < 0.3;
    push @result, [ one(@keys), $self->value(4) ] while rand() < 0.4;

    my @members = ([ jsonrpc => '"2.0"' ], [ id => $options{id} ],
                   [ result => $self->object($self->mixed(@result)) ]);

    push @members, [ one(@keys), $self->value(3) ] if rand() < 0.2;

    return MCPTest::Lists::Text->new(
        $self->space() . $self->object($self->mixed(@members))
        . $self->space(), $list);
}


sub mixed {
    my ($self, @members) = @_;

    for my $i (reverse 1 .. $#members) {
        my $j = int(rand($i + 1));
        @members[$i, $j] = @members[$j, $i];
    }

    return @members;
}


# Of a list that is long, many elements come more than once.
sub list {
    my ($self, $kind, $size) = @_;

    my @elements = map { $self->element($kind) } 1 .. ($size > 300 ? 300
                                                                   : $size);
    my @seps = $self->space();

    if ($size > @elements) {
        push @elements, $self->object(
            [ $member{$kind}, $self->string($self->name($kind)) ],
            [ inputSchema => $self->schema() ]) while @elements < 900;
        push @elements, one(@elements) while @elements < $size;
    }

    push @seps, $self->space() . ',' . $self->space()
        for 2 .. @elements;
    push @seps, $self->space() if @elements;

    return { elements => \@elements, separators => \@seps };
}


# Several of them in one text.
sub batch {
    my ($self, @texts) = @_;

    local $self->{tight} = rand() < 0.5;

    return MCPTest::Lists::Text->join(
        '[' . $self->space(), $self->space() . ',' . $self->space(),
        $self->space() . ']', @texts);
}


package MCPTest::Lists::Text;

use warnings;
use strict;


sub new {
    my ($class, $template, @lists) = @_;
    return bless { template => $template, lists => [ @lists ] }, $class;
}


sub join {
    my ($class, $start, $between, $end, @texts) = @_;

    return $class->new(
        $start . CORE::join($between, map { $_->{template} } @texts) . $end,
        map { @{$_->{lists}} } @texts);
}


sub full {
    my ($self) = @_;
    return $self->render(3600000, map {
        [ 0 .. $#{$_->{elements}} ] } @{$self->{lists}});
}


# What stays of each list.  A dropped element takes with it what stands
# between it and its neighbour.
sub left {
    my ($self, @kept) = @_;
    return $self->render(60000, @kept);
}


sub render {
    my ($self, $ttl, @kept) = @_;

    my @lists = @{$self->{lists}};
    my $out = '';

    for my $piece (split(/(\0\w+\0)/, $self->{template})) {
        if ($piece eq "\0list\0") {
            $out .= rendered(shift @lists, shift @kept);
        } elsif ($piece eq "\0ttl\0") {
            $out .= $ttl;
        } else {
            $out .= $piece;
        }
    }

    return $out;
}


sub rendered {
    my ($list, $kept) = @_;

    my ($elements, $seps) = @$list{qw/ elements separators /};

    return '[]' if @$elements && !@$kept;

    my $first = 1;

    return '[' . CORE::join('', map {
        my $sep = $first ? $seps->[0] : $seps->[$_];
        $first = 0;
        $sep . $elements->[$_]
    } @$kept) . $seps->[-1] . ']';
}

1;
