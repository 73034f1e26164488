import * as assert from 'node:assert/strict';
import {
  doorSettingKeys,
  settingKeys,
  type DoorSettingKey,
  type SettingKey,
} from '../../../server/protocol/settings.ts';
import { readManifest } from '../../../scripts/project.ts';

/** Who may say what a setting is. */
type From =
  /** The person alone: no folder can, trusted or not. */
  | 'person'
  /** A folder too, once the person trusts it. */
  | 'trustedFolder'
  /** Any folder that is opened. */
  | 'anyFolder';

/** Why that is so. */
type Reason =
  /** Says where what the agent reads goes, with the person's key. */
  | 'whereDataGoes'
  /** Says how much an agent or a client may do, spend or use up. */
  | 'howMuch'
  /** Says what is kept to look at afterwards. */
  | 'whatIsKept'
  /** Changes what the person sees, and nothing else. */
  | 'looks';

/** Each setting is classified here; one that names a program, an address, a policy or a folder is never of `anyFolder`. */
const classes: Readonly<Record<Exclude<SettingKey, DoorSettingKey>, readonly [From, Reason]>> = {
  'model.default': ['trustedFolder', 'whereDataGoes'],
  'providers.openai.baseUrl': ['person', 'whereDataGoes'],
  'providers.ollama.baseUrl': ['person', 'whereDataGoes'],
  'providers.openaiCompatible.baseUrl': ['person', 'whereDataGoes'],
  'terminals.max': ['trustedFolder', 'howMuch'],
  'terminals.keepAliveHours': ['trustedFolder', 'howMuch'],
  'terminals.shellIntegration': ['anyFolder', 'looks'],
  'terminals.scrollbackLines': ['anyFolder', 'looks'],
  'limits.terminalPerSecond': ['trustedFolder', 'howMuch'],
  'agent.maxStepsPerTurn': ['trustedFolder', 'howMuch'],
  'agent.maxMinutesPerTurn': ['trustedFolder', 'howMuch'],
  'cache.enabled': ['person', 'howMuch'],
  'cache.memoryMegabytes': ['person', 'howMuch'],
  'cache.diskMegabytes': ['person', 'howMuch'],
  'audit.retentionDays': ['person', 'whatIsKept'],
  'log.level': ['trustedFolder', 'whatIsKept'],
};

/** Whatever is called so names a program, an address, a policy or a folder, or is a secret. */
const dangerousName =
  /url|endpoint|host|origin|command|path|executable|shell$|binary|program|args|env|folder|director|approv|allow|deny|permission|policy|sandbox|trust|proxy|certificate|server|key$|token|secret/i;

interface Manifest {
  readonly capabilities: {
    readonly untrustedWorkspaces: { readonly supported: unknown; readonly restrictedConfigurations: readonly string[] };
  };
  readonly contributes: {
    readonly configuration: {
      readonly properties: Readonly<Record<string, { readonly scope?: string; readonly type: string }>>;
    };
  };
}

const manifest = readManifest() as unknown as Manifest;
const { properties } = manifest.contributes.configuration;
const { supported, restrictedConfigurations } = manifest.capabilities.untrustedWorkspaces;
const prefix = 'aiDevAssistant.';
const entries = Object.entries(classes).map(([key, [from, reason]]) => ({ key: prefix + key, from, reason }));

describe('What a folder may say in the settings', () => {
  it('is decided for every setting that there is, and for no other', () => {
    assert.deepEqual(entries.map(({ key }) => key).sort(), Object.keys(properties).sort());
    const inFileOnly = settingKeys.filter((key) => !(prefix + key in properties));
    assert.deepEqual(inFileOnly.sort(), [...doorSettingKeys].sort(), 'those of the doors are no settings of VS Code');
  });

  it('is nothing but looks while the person does not trust it', () => {
    assert.equal(supported, 'limited');
    const held = entries.filter(({ from }) => from !== 'anyFolder').map(({ key }) => key);
    assert.deepEqual([...restrictedConfigurations].sort(), held.sort());
    for (const { key, from, reason } of entries) assert.equal(from === 'anyFolder', reason === 'looks', key);
  });

  it('is never where data goes with a key, nor what belongs to all windows, even where the person trusts it', () => {
    for (const { key, from } of entries) {
      const isOutOfReach = ['machine', 'application'].includes(properties[key]?.scope ?? 'window');
      assert.equal(isOutOfReach, from === 'person', key);
    }
    for (const { key, from } of entries) if (key.endsWith('baseUrl')) assert.equal(from, 'person', key);
  });

  it('is not decided lightly where the name of a setting speaks of programs, addresses, policies or folders', () => {
    for (const { key, from } of entries) {
      if (dangerousName.test(key.slice(prefix.length))) assert.notEqual(from, 'anyFolder', key);
      assert.ok(!/key$|token|secret|password/i.test(key), `${key}: secrets stand in no setting`);
    }
    for (const name of ['mcp.servers', 'agent.autoApprove', 'sandbox.enabled', 'terminals.shell', 'tools.ripgrepPath'])
      assert.match(name, dangerousName);
  });
});
