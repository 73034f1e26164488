/**
 * Files that hold secrets. No tool reads, lists or searches them, in any folder, whatever the person has allowed: what
 * is read is sent to a model. Names are compared in lower case on every platform.
 */
interface SecretRule {
  /** What the file holds, to complete "it may hold …". */
  readonly holds: string;
  /** Patterns of a file's own name; `*` stands for anything. */
  readonly names?: readonly string[];
  /** Names of folders with everything in them. */
  readonly folders?: readonly string[];
  /** Ends of paths. */
  readonly paths?: readonly string[];
}

const rules: readonly SecretRule[] = [
  { holds: 'passwords and keys of a program', names: ['.env', '.env.*', '.envrc', '*.env'] },
  {
    holds: 'secrets by its name',
    names: [
      'secrets.*',
      'secret.json',
      'secret.yaml',
      'secret.yml',
      '.secrets',
      'credentials.json',
      'client_secret*.json',
    ],
  },
  {
    holds: 'a private key',
    names: ['*.pem', '*.key', '*.ppk', 'id_rsa*', 'id_dsa*', 'id_ecdsa*', 'id_ed25519*'],
  },
  { holds: 'a key store', names: ['*.p12', '*.pfx', '*.jks', '*.keystore', '*.bks', '*.kdbx', '*.kdb'] },
  { holds: 'keys for remote machines', folders: ['.ssh'] },
  { holds: 'private keys', folders: ['.gnupg', '.password-store'] },
  { holds: 'stored passwords', paths: ['library/keychains/*', '.local/share/keyrings/*'] },
  {
    holds: 'a registry token',
    names: ['.npmrc', '.yarnrc.yml', '.pypirc'],
    paths: ['.cargo/credentials', '.cargo/credentials.toml', '.gem/credentials'],
  },
  {
    holds: 'passwords',
    names: ['.netrc', '_netrc', '.pgpass', 'pgpass.conf', '.my.cnf', '.htpasswd', '.git-credentials', '.vault-token'],
    paths: ['.config/git/credentials'],
  },
  {
    holds: 'keys of a cloud account',
    folders: ['.azure'],
    paths: ['.aws/credentials', '.aws/config', '.oci/config', '.boto'],
    names: ['application_default_credentials.json', 'service-account*.json'],
  },
  {
    holds: 'keys of a cloud account',
    paths: ['.config/gcloud/credentials.db', '.config/gcloud/access_tokens.db', '.config/gcloud/legacy_credentials/*'],
  },
  { holds: 'a registry login', names: ['.dockercfg'], paths: ['.docker/config.json', '.config/containers/auth.json'] },
  { holds: 'access to a cluster', names: ['kubeconfig', '*.kubeconfig'], paths: ['.kube/config'] },
  {
    holds: 'the secrets of an infrastructure',
    names: [
      'terraform.tfstate',
      'terraform.tfstate.*',
      '*.tfstate',
      '*.tfstate.backup',
      '*.tfvars',
      '*.tfvars.json',
      '.terraformrc',
      'terraform.rc',
    ],
  },
  { holds: 'an access token', paths: ['.config/gh/hosts.yml', '.config/hub', '.terraform.d/credentials.tfrc.json'] },
];

/** Made to be committed and read, and without secrets. */
const exceptions = [
  '.env.example',
  '.env.sample',
  '.env.template',
  '.env.dist',
  '.env.defaults',
  'id_rsa.pub',
  'id_dsa.pub',
  'id_ecdsa.pub',
  'id_ed25519.pub',
  'terraform.tfvars.example',
];

interface CompiledRule {
  readonly holds: string;
  readonly matches: (segments: readonly string[]) => boolean;
}

const compiled: readonly CompiledRule[] = rules.map(compile);

/** What the file at `path` is known to hold ("a private key"), or undefined. Looks only at the name, never at the disk. */
export function secretHeldBy(path: string): string | undefined {
  const segments = segmentsOf(path);
  // Windows opens `.env::$DATA` as `.env`; elsewhere a colon is a part of the name: both readings count.
  const withoutStreams = segments.map((segment) => segment.replace(/^([^:]+):.*$/s, '$1'));
  return compiled.find((rule) => rule.matches(segments) || rule.matches(withoutStreams))?.holds;
}

function compile({ holds, names = [], folders = [], paths = [] }: SecretRule): CompiledRule {
  const namePatterns = names.map(patternOf);
  const endPatterns = paths.map((end) => end.split('/').map(patternOf));
  return {
    holds,
    matches(segments) {
      if (segments.some((segment) => folders.includes(segment))) return true;
      const name = segments.at(-1) ?? '';
      if (namePatterns.some((pattern) => pattern.test(name)) && !exceptions.includes(name)) return true;
      return endPatterns.some((end) => {
        const last = segments.slice(-end.length);
        return last.length === end.length && end.every((pattern, index) => pattern.test(last[index] ?? ''));
      });
    },
  };
}

function patternOf(pattern: string): RegExp {
  return new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '.*')}$`, 'su');
}

/**
 * The parts of a path as a lenient file system compares them: case, compatibility forms and invisible characters do not
 * count (macOS), nor do trailing dots and blanks (Windows).
 */
function segmentsOf(path: string): string[] {
  return path
    .normalize('NFKC')
    .replace(/\p{Default_Ignorable_Code_Point}/gu, '')
    .toLowerCase()
    .split(/[\\/]/)
    .map((segment) => segment.replace(/[. ]+$/, ''))
    .filter((segment) => segment !== '');
}
