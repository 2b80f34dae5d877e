// The published sample policies: what they name, and how much of it.

export const samples = [
    { policy: 'intersight', tool: 'create_smtp_policy', max: 30 },
    { policy: 'mcp-ap2', tool: 'send_mail', max: 30 },
    { policy: 'agentmail', tool: 'send_message', max: 30 },
    { policy: 'sidclaw-sdk', tool: 'send_email', max: 10 },
    { policy: 'smartlead',
      tool: 'smartlead_reconnect_failed_email_accounts', max: 10 },
];

export const others = ['delete_account', 'list_things', 'send_Mail'];
