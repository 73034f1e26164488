import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { chromium, type Browser, type Page } from 'playwright-core';
import { ensureChromium } from '../../../scripts/workbench/chromium.ts';
import { chromiumArguments } from '../workbench.ts';

/** Names that lead to this machine in this browser alone, as those of an attacker's own domain do after a rebinding. */
const attackersNames = ['evil.example', 'rebound.example'];

/** A real browser in which somebody visits pages of an attacker. The owner calls `close`. */
export class AttackersPages {
  private readonly browser: Browser;
  private readonly server: http.Server;

  private constructor(browser: Browser, server: http.Server) {
    this.browser = browser;
    this.server = server;
  }

  static async start(): Promise<AttackersPages> {
    const executablePath = await ensureChromium((line) => console.log(line));
    const server = http.createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>a page</title>');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const rules = attackersNames.map((name) => `MAP ${name} 127.0.0.1`).join(', ');
    // Newer browsers ask before a page may call this machine. Not all do, and the server must not depend on it.
    const unguarded = '--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests';
    const args = [...chromiumArguments(), unguarded, `--host-resolver-rules=${rules}`];
    return new AttackersPages(await chromium.launch({ executablePath, headless: true, args }), server);
  }

  /** Port of the attacker's own server. */
  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** A page that the attacker serves under `host`. */
  async visit(host: string): Promise<Page> {
    const page = await this.newPage();
    await page.goto(`http://${host}:${this.port}/`);
    return page;
  }

  /**
   * A page whose name leads to the attacker while it is loaded, and to `port` of this machine from then on: for the browser,
   * what listens there is the page's own origin.
   */
  async visitRebound(port: string): Promise<Page> {
    const page = await this.newPage();
    const address = `http://rebound.example:${port}/`;
    await page.route(address, (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }));
    await page.goto(address);
    return page;
  }

  async close(): Promise<void> {
    await this.browser.close();
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private async newPage(): Promise<Page> {
    const page = await this.browser.newPage();
    page.setDefaultTimeout(15_000);
    return page;
  }
}
