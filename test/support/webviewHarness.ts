import assert from 'node:assert/strict';
import * as fs from 'node:fs/promises';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import * as path from 'node:path';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import type { ViewToHost } from '../../server/protocol/panelBridge.ts';
import { buildProduct } from '../../scripts/build.ts';
import { distFolder, testOutputFolder } from '../../scripts/project.ts';
import { ensureChromium } from '../../scripts/workbench/chromium.ts';
import { ScriptedHost } from './scriptedHost.ts';
import { editorStyleSheet, themeBodyClass, themeStyle, type ThemeName } from './webviewThemes.ts';
import { contentSecurityPolicy } from '../../extension/src/panels/contentSecurityPolicy.ts';
import { chromiumArguments } from './workbench.ts';

export type ViewName = 'agentPanel' | 'terminalPanel';

export interface ViewOptions {
  readonly theme?: ThemeName;
  readonly widthPx?: number;
  readonly heightPx?: number;
  /** What the view finds as its state of a former life. */
  readonly state?: unknown;
  /** Prepares the host before the view speaks for the first time. */
  prepare?(host: ScriptedHost): void;
}

/** A view in a browser page, and the host that it talks to. */
export interface OpenView {
  readonly page: Page;
  readonly host: ScriptedHost;
  /** The state that the view has written last. */
  readState(): Promise<unknown>;
  /** Keeps a picture of the view in the test output. */
  screenshot(name: string): Promise<void>;
}

const contentTypes: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.ttf': 'font/ttf',
  '.map': 'application/json',
};
const nonce = 'bm9uY2UtZm9yLXRlc3Rz';

/** Opens built views in headless Chromium, under the content security policy that the extension gives them. */
export class WebviewHarness {
  private readonly browser: Browser;
  private readonly server: http.Server;
  private readonly contexts: BrowserContext[] = [];
  /** Errors that pages threw or wrote; policy violations are among them. */
  private readonly pageErrors: string[] = [];

  private constructor(browser: Browser, server: http.Server) {
    this.browser = browser;
    this.server = server;
  }

  /** Builds the views and starts what serves and shows them. */
  static async start(): Promise<WebviewHarness> {
    await buildProduct({ names: ['webview/agentPanel', 'webview/terminalPanel'] });
    const executablePath = await ensureChromium((line) => console.log(line));
    const server = http.createServer((request, response) => void serve(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const browser = await chromium.launch({ executablePath, headless: true, args: chromiumArguments() });
    return new WebviewHarness(browser, server);
  }

  async open(view: ViewName, options: ViewOptions = {}): Promise<OpenView> {
    const { theme = 'dark', widthPx = 400, heightPx = 700 } = options;
    const context = await this.browser.newContext({ viewport: { width: widthPx, height: heightPx } });
    this.contexts.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    page.on('pageerror', (error) => this.pageErrors.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') this.pageErrors.push(message.text());
    });
    const host = new ScriptedHost(page);
    options.prepare?.(host);
    await page.exposeBinding('postToHost', (_source, message: ViewToHost) => host.receive(message));
    await page.addInitScript(installWebviewApi, { state: options.state });
    const { port } = this.server.address() as AddressInfo;
    await page.goto(`http://127.0.0.1:${port}/${view}?theme=${theme}`);
    return {
      page,
      host,
      readState: () => page.evaluate(() => (globalThis as unknown as { readViewState(): unknown }).readViewState()),
      screenshot: async (name) => {
        await fs.mkdir(path.join(testOutputFolder, 'webview'), { recursive: true });
        await page.screenshot({ path: path.join(testOutputFolder, 'webview', `${name}.png`), animations: 'disabled' });
      },
    };
  }

  /** Closes every page that is open; fails if one of them reported an error. */
  async closeViews(): Promise<void> {
    for (const context of this.contexts.splice(0)) await context.close();
    assert.deepEqual(this.pageErrors.splice(0), [], 'a view reported errors');
  }

  async dispose(): Promise<void> {
    await this.browser.close();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
    assert.equal(this.browser.isConnected(), false);
    assert.equal(this.server.listening, false);
  }
}

/** Runs in the page, before the view: what VS Code's preload script does for a webview. */
function installWebviewApi({ state: initialState }: { readonly state: unknown }): void {
  const scope = globalThis as unknown as Record<string, unknown> & { postToHost(message: unknown): unknown };
  let state = initialState;
  let isTaken = false;
  scope['readViewState'] = () => state;
  scope['acquireVsCodeApi'] = () => {
    if (isTaken) throw new Error('The API of VS Code can be acquired only once.');
    isTaken = true;
    return {
      postMessage: (message: unknown) => void scope.postToHost(message),
      getState: () => state,
      setState: (value: unknown) => (state = structuredClone(value)),
    };
  };
}

async function serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  const contentType = contentTypes[path.extname(url.pathname)];
  if (contentType === undefined) {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end(pageOf(url.pathname.slice(1), (url.searchParams.get('theme') ?? 'dark') as ThemeName, request));
    return;
  }
  try {
    const file = path.join(distFolder, path.normalize(url.pathname));
    const content = await fs.readFile(file);
    response.writeHead(200, { 'content-type': contentType });
    response.end(content);
  } catch (error) {
    response.writeHead(404);
    response.end(String(error));
  }
}

function pageOf(view: string, theme: ThemeName, request: http.IncomingMessage): string {
  const source = `http://${request.headers.host ?? ''}`;
  const policy = contentSecurityPolicy(source, nonce);
  return `<!DOCTYPE html>
<html lang="en" style='${themeStyle(theme)}'>
<head>
<meta charset="utf-8">
<link rel="icon" href="data:,">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<style>${editorStyleSheet}</style>
<link rel="stylesheet" href="/webview/${view}.css">
</head>
<body class="${themeBodyClass(theme)}">
<script type="module" nonce="${nonce}" src="/webview/${view}.js"></script>
</body>
</html>`;
}
