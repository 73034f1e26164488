import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { isIP } from 'node:net';
import { createSecureContext } from 'node:tls';
import { CodedError } from '../../../protocol/errors.ts';
import type { Clock } from '../../base/clock.ts';
import type { Disposable } from '../../base/disposable.ts';
import type { TlsIdentity } from '../../base/door.ts';
import { Emitter } from '../../base/emitter.ts';
import { errorCode } from '../../base/fileSystem.ts';
import type { Logger } from '../../base/logger.ts';

/** How soon files that were exchanged are noticed. */
const lookEveryMs = 5_000;
/** Far above any chain of certificates. */
const maxFileBytes = 1024 * 1024;
const othersMask = 0o077;

export interface TlsFilesOptions {
  readonly certFile: string;
  readonly keyFile: string;
  /** The names under which clients come; as in a URL. */
  readonly hosts: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * The certificate and key of a listener, in files of somebody who renews them. They are looked at every 5 s; where they
 * have changed and are in order they are taken, else the former ones go on and the log says why.
 */
export class TlsFiles implements Disposable {
  private readonly options: TlsFilesOptions;
  private readonly changed: Emitter<TlsIdentity>;
  private current: TlsIdentity;
  private seen: string;
  private timer: Disposable | undefined;
  private isDisposed = false;

  /** Rejects with `InvalidParams` where a file cannot be read, may be read by others, or does not fit the other. */
  static async open(options: TlsFilesOptions): Promise<TlsFiles> {
    const seen = await stateOf(options);
    return new TlsFiles(options, await readIdentity(options), seen);
  }

  private constructor(options: TlsFilesOptions, current: TlsIdentity, seen: string) {
    this.options = options;
    this.current = current;
    this.seen = seen;
    this.changed = new Emitter((error) => options.logger.error('A new certificate was not taken', { error }));
    this.timer = this.schedule();
  }

  get identity(): TlsIdentity {
    return this.current;
  }

  onChanged(listener: (identity: TlsIdentity) => void): Disposable {
    return this.changed.on(listener);
  }

  dispose(): void {
    this.isDisposed = true;
    this.timer?.dispose();
    this.changed.dispose();
  }

  private schedule(): Disposable {
    return this.options.clock.after(lookEveryMs, () => void this.look());
  }

  /** Never rejects. */
  private async look(): Promise<void> {
    try {
      const seen = await stateOf(this.options);
      if (seen !== this.seen) {
        // What is wrong is said once for each state of the files.
        this.seen = seen;
        this.current = await readIdentity(this.options);
        if (!this.isDisposed) this.changed.fire(this.current);
      }
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      this.options.logger.warn('The former certificate goes on, because the new one cannot be used', { detail });
    }
    this.timer = this.isDisposed ? undefined : this.schedule();
  }
}

/** Changes with either file; a file that is gone is a state too. */
async function stateOf({ certFile, keyFile }: TlsFilesOptions): Promise<string> {
  const states = [certFile, keyFile].map(async (file) => {
    try {
      const { mtimeMs, ctimeMs, size, ino } = await fs.stat(file);
      return [mtimeMs, ctimeMs, size, ino].join(' ');
    } catch (error) {
      return errorCode(error) ?? 'unknown error';
    }
  });
  return (await Promise.all(states)).join(', ');
}

async function readIdentity(options: TlsFilesOptions): Promise<TlsIdentity> {
  const { certFile, keyFile } = options;
  const cert = await readPem(certFile, 'certificate');
  const key = await readPem(keyFile, 'key');
  const certificate = parsed(() => new X509Certificate(cert), `${certFile} holds no certificate in PEM.`);
  const privateKey = parsed(
    () => createPrivateKey(key),
    `${keyFile} holds no private key in PEM that can be used as it is. A key with a passphrase must be decrypted first.`,
  );
  checkFit(certificate, privateKey, options);
  // What TLS itself finds wrong, such as a key that is too short, is found now and not by the first client.
  parsed(() => createSecureContext({ cert, key }), `${certFile} and ${keyFile} cannot be used for TLS.`);
  return { cert, key };
}

async function readPem(file: string, what: 'certificate' | 'key'): Promise<string> {
  try {
    const handle = await fs.open(file);
    try {
      const { mode, size } = await handle.stat();
      if (what === 'key' && process.platform !== 'win32' && (mode & othersMask) !== 0) {
        throw invalid(`Others can read the key in ${file}. Run: chmod 600 ${file}`);
      }
      if (size > maxFileBytes) throw invalid(`${file} is too large to hold a ${what}.`);
      return await handle.readFile('utf8');
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof CodedError) throw error;
    throw invalid(`The ${what} in ${file} cannot be read (${errorCode(error) ?? 'unknown error'}).`, error);
  }
}

/** A client would refuse what is only warned of here, and say why; it may know a name that we do not. */
function checkFit(certificate: X509Certificate, key: KeyObject, options: TlsFilesOptions): void {
  const { certFile, keyFile, hosts, clock, logger } = options;
  if (!certificate.checkPrivateKey(key)) {
    throw invalid(
      `The key in ${keyFile} is not that of the certificate in ${certFile}. Name two files that belong together.`,
    );
  }
  if (clock.now() > Date.parse(certificate.validTo)) {
    logger.warn('The certificate has ended, so that clients will refuse it', {
      certFile,
      validTo: certificate.validTo,
    });
  }
  for (const host of hosts) {
    const bare = host.replace(/^\[|\]$/g, '');
    const names = isIP(bare) === 0 ? certificate.checkHost(bare) : certificate.checkIP(bare);
    if (names === undefined) logger.warn('The certificate is not for a name that is served', { certFile, host });
  }
}

function parsed<T>(parse: () => T, problem: string): T {
  try {
    return parse();
  } catch (error) {
    throw invalid(problem, error);
  }
}

function invalid(message: string, cause?: unknown): CodedError {
  return new CodedError('InvalidParams', message, cause === undefined ? {} : { cause });
}
