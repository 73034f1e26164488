import { CodedError } from '../../protocol/errors.ts';
import type { SettingKey } from '../../protocol/settings.ts';
import type { SecretSource, SettingsSource } from './ports.ts';

export const providerIds = ['openai', 'ollama', 'openai-compatible'] as const;
export type ProviderId = (typeof providerIds)[number];

interface ProviderEntry {
  readonly name: string;
  readonly baseUrlSetting: SettingKey & `providers.${string}.baseUrl`;
  readonly secretName?: string;
  /** Used where the setting is empty. */
  readonly defaultBaseUrl?: string;
}

/** Every provider, in the order in which a person sees them. */
export const providerTable: Readonly<Record<ProviderId, ProviderEntry>> = {
  openai: {
    name: 'OpenAI',
    baseUrlSetting: 'providers.openai.baseUrl',
    secretName: 'providers.openai.apiKey',
    defaultBaseUrl: 'https://api.openai.com/v1',
  },
  ollama: {
    name: 'Ollama',
    baseUrlSetting: 'providers.ollama.baseUrl',
    defaultBaseUrl: 'http://127.0.0.1:11434',
  },
  'openai-compatible': {
    name: 'OpenAI-compatible endpoint',
    baseUrlSetting: 'providers.openaiCompatible.baseUrl',
    secretName: 'providers.openaiCompatible.apiKey',
  },
};

/** Where a provider's requests go. */
export interface Endpoint {
  readonly provider: ProviderId;
  readonly name: string;
  /** Without a slash at the end. */
  readonly baseUrl: string;
  /** Base of the chat-completions API: `<chatBaseUrl>/chat/completions`. */
  readonly chatBaseUrl: string;
  readonly apiKey: string | null;
  /** The provider's own address, not one that the person has set. */
  readonly isDefaultAddress: boolean;
}

/** What a person has to do before a provider can be asked at all. */
export interface MissingSetup {
  readonly missing: 'needsKey' | 'needsEndpoint';
  readonly message: string;
}

/** A model's name, taken apart. The model's own part may contain slashes. */
export interface ModelName {
  readonly provider: ProviderId;
  readonly model: string;
}

/** Takes `provider/model` apart; undefined if it is no such name or the provider does not exist. */
export function parseModelName(name: string): ModelName | undefined {
  const slash = name.indexOf('/');
  const provider = providerIds.find((id) => id === name.slice(0, slash));
  const model = name.slice(slash + 1);
  return slash > 0 && provider && model.length > 0 ? { provider, model } : undefined;
}

/** Works out address and key of each provider from settings and secrets, anew each time. */
export class Endpoints {
  private readonly settings: SettingsSource;
  private readonly secrets: SecretSource;

  constructor(settings: SettingsSource, secrets: SecretSource) {
    this.settings = settings;
    this.secrets = secrets;
  }

  async of(provider: ProviderId): Promise<Endpoint | MissingSetup> {
    const entry = providerTable[provider];
    const setUrl = this.settings.get(entry.baseUrlSetting);
    const address = withoutTrailingSlashes(setUrl || (entry.defaultBaseUrl ?? ''));
    if (!address) {
      return {
        missing: 'needsEndpoint',
        message: `Set "${entry.baseUrlSetting}" to the address of the endpoint, such as http://127.0.0.1:1234/v1.`,
      };
    }
    const apiKey = entry.secretName === undefined ? null : await this.readKey(entry.secretName, entry.name);
    if (provider === 'openai' && !setUrl && !apiKey) {
      return { missing: 'needsKey', message: 'Set an API key for OpenAI (outside VS Code: OPENAI_API_KEY).' };
    }
    const baseUrl = provider === 'ollama' ? address.replace(/\/v1$/, '') : address;
    return {
      provider,
      name: entry.name,
      baseUrl,
      chatBaseUrl: provider === 'ollama' ? `${baseUrl}/v1` : baseUrl,
      apiKey,
      isDefaultAddress: !setUrl,
    };
  }

  private async readKey(secretName: string, providerName: string): Promise<string | null> {
    try {
      const key = await this.secrets.get(secretName);
      return key?.trim() ? key.trim() : null;
    } catch (cause) {
      throw new CodedError(
        'Unavailable',
        `The key for ${providerName} could not be read from the editor's secret storage. Try again, or set the key again.`,
        { cause },
      );
    }
  }
}

function withoutTrailingSlashes(url: string): string {
  let end = url.length;
  while (end > 0 && url[end - 1] === '/') end--;
  return url.slice(0, end);
}
