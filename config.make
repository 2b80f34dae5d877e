# nginx sources this when it writes its Makefile: the page of mcp_admin goes
# into the module as a text that sed makes of its sources.

ngx_mcp_admin="$ngx_addon_dir/ngx_mcp_policy_module/nginx/admin"
ngx_mcp_text="$NGX_OBJS/ngx_http_mcp_policy_admin_text.h"

cat << END                                                    >> $NGX_MAKEFILE

$NGX_OBJS/addon/nginx/ngx_http_mcp_policy_admin_page.o:	$ngx_mcp_text

$ngx_mcp_text:	$ngx_mcp_admin/embed $ngx_mcp_admin/page.html \\
		$ngx_mcp_admin/page.css $ngx_mcp_admin/page_text.js \\
		$ngx_mcp_admin/page.js
	sh $ngx_mcp_admin/embed > \$@.new && mv \$@.new \$@

END
