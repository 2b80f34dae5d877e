// Go's encoding/json: values as interface{}, messages as a struct, whose
// members it finds in any case.  The protocol is described in json_readers.h.

package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"sort"
	"strings"
	"unicode/utf16"
)

type message struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      interface{}     `json:"id"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
}

type params struct {
	Name      interface{} `json:"name"`
	URI       interface{} `json:"uri"`
	Arguments interface{} `json:"arguments"`
}

var short = map[uint16]string{
	'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`,
	'\t': `\t`,
}

func dumpString(b *strings.Builder, s string) {
	b.WriteByte('"')

	for _, unit := range utf16.Encode([]rune(s)) {
		if text, found := short[unit]; found {
			b.WriteString(text)

		} else if unit >= 0x20 && unit < 0x7f {
			b.WriteByte(byte(unit))

		} else {
			fmt.Fprintf(b, `\u%04x`, unit)
		}
	}

	b.WriteByte('"')
}

func dump(b *strings.Builder, value interface{}) {
	switch v := value.(type) {
	case nil:
		b.WriteByte('n')

	case bool:
		if v {
			b.WriteByte('t')
		} else {
			b.WriteByte('f')
		}

	case float64:
		if v == 0 {
			v = 0
		}

		fmt.Fprintf(b, "d%016x", math.Float64bits(math.Abs(v))|
			signOf(v))

	case string:
		dumpString(b, v)

	case []interface{}:
		b.WriteByte('[')

		for _, item := range v {
			dump(b, item)
			b.WriteByte(',')
		}

		b.WriteByte(']')

	case map[string]interface{}:
		names := make([]string, 0, len(v))
		values := make(map[string]interface{}, len(v))

		for name, item := range v {
			var text strings.Builder

			dumpString(&text, name)
			names = append(names, text.String())
			values[text.String()] = item
		}

		sort.Strings(names)
		b.WriteByte('{')

		for _, name := range names {
			b.WriteString(name)
			b.WriteByte(':')
			dump(b, values[name])
			b.WriteByte(',')
		}

		b.WriteByte('}')
	}
}

// A zero has none.
func signOf(v float64) uint64 {
	if v < 0 {
		return 1 << 63
	}

	return 0
}

func dumpOptional(b *strings.Builder, value interface{}) {
	if value == nil {
		b.WriteByte('-')

	} else {
		dump(b, value)
	}
}

func view(text []byte) string {
	var b strings.Builder
	var m message
	var p params

	if json.Unmarshal(text, &m) != nil || m.Method == "" {
		return "E"
	}

	known := m.Method == "tools/call" || m.Method == "prompts/get" ||
		m.Method == "resources/read"

	if known && json.Unmarshal(m.Params, &p) != nil {
		return "E"
	}

	target := p.Name

	if target == nil {
		target = p.URI
	}

	dumpOptional(&b, m.ID)
	b.WriteByte(' ')
	dumpString(&b, m.Method)
	b.WriteByte(' ')
	dumpOptional(&b, target)
	b.WriteByte(' ')
	dumpOptional(&b, p.Arguments)

	return b.String()
}

func answer(text []byte) string {
	var value interface{}
	var b strings.Builder

	if json.Unmarshal(text, &value) != nil {
		return "E\n"
	}

	dump(&b, value)
	b.WriteByte('\n')
	b.WriteString(view(text))

	return b.String()
}

func main() {
	in := bufio.NewReader(os.Stdin)
	out := bufio.NewWriter(os.Stdout)

	for {
		var size uint32
		var answers []byte

		if binary.Read(in, binary.LittleEndian, &size) != nil {
			return
		}

		batch := make([]byte, size)

		if _, err := io.ReadFull(in, batch); err != nil {
			return
		}

		for len(batch) > 0 {
			length := binary.LittleEndian.Uint32(batch)
			text := answer(batch[4 : 4+length])
			head := make([]byte, 4)

			binary.LittleEndian.PutUint32(head, uint32(len(text)))
			answers = append(append(answers, head...), text...)
			batch = batch[4+length:]
		}

		binary.Write(out, binary.LittleEndian, uint32(len(answers)))
		out.Write(answers)
		out.Flush()
	}
}
