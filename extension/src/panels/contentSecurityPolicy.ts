/**
 * What a view's page may do: scripts run by nonce only, which those that the bundle loads later inherit; styles may stand in
 * the page, since xterm.js puts its own there; nothing is loaded from anywhere but `source`, the extension's own files.
 */
export function contentSecurityPolicy(source: string, nonce: string): string {
  return [
    "default-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${source} 'unsafe-inline'`,
    `font-src ${source}`,
    `img-src ${source} data:`,
  ].join('; ');
}
