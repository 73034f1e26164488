import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import * as path from 'node:path';

/** Files of a certificate that vouches for itself, made by openssl. */
export interface TestCertificate {
  readonly certFile: string;
  readonly keyFile: string;
  /** In PEM. */
  readonly cert: string;
}

/** Makes one for `names`, as `DNS:box.example` and `IP:127.0.0.1`, into files of `folder` that begin with `prefix`. */
export function createCertificate(folder: string, prefix: string, names: readonly string[]): TestCertificate {
  const certFile = path.join(folder, `${prefix}.cert.pem`);
  const keyFile = path.join(folder, `${prefix}.key.pem`);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile];
  const subject = ['-subj', `/CN=${prefix}`, '-addext', `subjectAltName=${names.join(',')}`];
  execFileSync('openssl', ['req', '-x509', ...key, '-out', certFile, '-days', '2', ...subject], { stdio: 'pipe' });
  return { certFile, keyFile, cert: readFileSync(certFile, 'utf8') };
}
