import * as assert from 'node:assert/strict';
import fc from 'fast-check';
import { secretHeldBy } from '../../../server/src/security/secretFiles.ts';

const secret = [
  '.env',
  '.env.local',
  '.env.prod',
  'prod.env',
  '.envrc',
  'app/.ENV',
  '.env.example.local',
  'server.pem',
  'tls.key',
  'id_rsa',
  'id_rsa.bak',
  'id_ed25519',
  'ID_ED25519_work',
  'id_ecdsa',
  '.npmrc',
  '.netrc',
  '_netrc',
  '.pgpass',
  '.pypirc',
  '.git-credentials',
  '.htpasswd',
  '.vault-token',
  '.aws/credentials',
  'home/u/.aws/credentials',
  '.ssh/known_hosts',
  '.ssh',
  '.ssh/keys/deep',
  '.gnupg/pubring.kbx',
  'secrets.json',
  'secrets.yaml',
  'Secrets.PROD.yml',
  'cert.p12',
  'cert.pfx',
  'a.jks',
  'a.keystore',
  'db.kdbx',
  '.docker/config.json',
  '.dockercfg',
  'kubeconfig',
  'prod.kubeconfig',
  '.kube/config',
  '.azure/tokens.json',
  'terraform.tfstate',
  'terraform.tfstate.backup',
  'x.tfstate',
  'prod.tfvars',
  '.config/gh/hosts.yml',
  '.config/gcloud/credentials.db',
  'service-account-prod.json',
  'client_secret_1.json',
  '.cargo/credentials.toml',
  // The same by ways that some file systems take for the name.
  '.env.',
  '.env ',
  '.env. .',
  '.env::$DATA',
  'x\\.env',
  '.e\u200Cnv',
  '\uFF0Eenv',
  '.SSH\\x',
  'key.pem:stream',
  'a:b.pem',
];
const harmless = [
  '.env.example',
  '.env.sample',
  '.env.template',
  '.ENV.EXAMPLE',
  'environment.ts',
  'env',
  '.environment',
  'env.ts',
  'id_rsa.pub',
  'id_ed25519.pub',
  'keyboard.ts',
  'key',
  'pem',
  'monkey.ts',
  'config.json',
  'docker/config.json',
  'credentials.ts',
  'ssh/config',
  '.sshx/a',
  'package.json',
  'README.md',
  'secretsManager.ts',
  'terraform.tf',
  'aws/credentials',
  'src/kube/config',
  'x.keys',
  'npmrc',
  'kubeconfig.go',
];

describe('secret files', () => {
  for (const name of secret) {
    it(`knows ${JSON.stringify(name)}, in any folder and case`, () => {
      for (const path of [name, `/project/${name}`, `C:\\project\\${name}`, name.toUpperCase()]) {
        assert.equal(typeof secretHeldBy(path), 'string', path);
      }
    });
  }

  it('leaves files alone that only look like them', () => {
    for (const name of harmless) {
      for (const path of [name, `/project/${name}`]) assert.equal(secretHeldBy(path), undefined, path);
    }
  });

  it('answers for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.equal(typeof secretHeldBy(`/x/${text}/.ssh/y`), 'string');
      }),
    );
  });
});
