import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import { contentSecurityPolicy } from './contentSecurityPolicy.ts';

/** Names of the views' bundles. */
export type ViewName = 'agentPanel' | 'terminalPanel';

/** Lets a webview run its bundle, and read nothing but the views' files. */
export function webviewOptions(extensionUri: vscode.Uri): vscode.WebviewOptions {
  return { enableScripts: true, localResourceRoots: [viewFolder(extensionUri)] };
}

/** The page of a view, which loads its bundle and nothing else. */
export function renderPage(webview: vscode.Webview, extensionUri: vscode.Uri, view: ViewName): string {
  const nonce = randomBytes(16).toString('base64url');
  const policy = contentSecurityPolicy(webview.cspSource, nonce);
  const file = (name: string): string =>
    webview.asWebviewUri(vscode.Uri.joinPath(viewFolder(extensionUri), name)).toString();
  return `<!DOCTYPE html>
<html lang="${vscode.env.language}">
<head>
<meta charset="UTF-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1.0">
<link rel="stylesheet" href="${file(`${view}.css`)}">
</head>
<body>
<script type="module" nonce="${nonce}" src="${file(`${view}.js`)}"></script>
</body>
</html>`;
}

function viewFolder(extensionUri: vscode.Uri): vscode.Uri {
  return vscode.Uri.joinPath(extensionUri, 'dist', 'webview');
}
