import * as assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import * as path from 'node:path';
import { bundleFile, renderStringBundle } from '../../../scripts/l10n.ts';
import { doorSettingKeys, settingKeys, settingName, settingsSnapshot } from '../../../server/protocol/settings.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

interface Property {
  readonly type: string;
  readonly default: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly markdownDescription: string;
}

interface Manifest {
  readonly main: string;
  readonly icon: string;
  readonly contributes: {
    readonly commands: readonly { readonly command: string; readonly title: string }[];
    readonly configuration: { readonly properties: Readonly<Record<string, Property>> };
    readonly menus: Readonly<Record<string, readonly { readonly command: string }[]>>;
    readonly keybindings: readonly { readonly command: string }[];
  };
}

const prefix = 'aiDevAssistant.';
const text = read('package.json');
const manifest = JSON.parse(text) as Manifest;
const strings = JSON.parse(read('package.nls.json')) as Record<string, string>;
const properties = manifest.contributes.configuration.properties;

/** Those of a server that listens stand in `settings.json` only. */
const ownKeys = settingKeys.filter((key) => !(doorSettingKeys as readonly string[]).includes(key));

describe('The manifest', () => {
  it('has the settings of the contract and no other', () => {
    assert.deepEqual(Object.keys(properties).sort(), ownKeys.map((key) => prefix + key).sort());
  });

  it('has every setting that a message says VS Code has, and a message says so of each', () => {
    const named = settingKeys.filter((key) => settingName(key) === `${key} (in VS Code: ${prefix}${key})`);
    assert.deepEqual(named.map((key) => prefix + key).sort(), Object.keys(properties).sort());
    for (const key of settingKeys)
      if (!named.includes(key)) assert.equal(settingName(key), `${key} (in settings.json of the data folder)`);
  });

  it('gives each setting the default that the server gives it', () => {
    const defaults = Object.fromEntries(Object.entries(properties).map(([key, property]) => [key, property.default]));
    const parsed = settingsSnapshot.parse({});
    const expected = ownKeys.map((key) => [prefix + key, parsed[key]]);
    assert.deepEqual(defaults, Object.fromEntries(expected));
  });

  it('lets a person set what the server takes, and marks what it does not', () => {
    for (const key of ownKeys) {
      const property = properties[prefix + key]!;
      const accepts = (value: unknown): boolean => settingsSnapshot.shape[key].safeParse(value).success;
      for (const value of property.enum ?? []) assert.ok(accepts(value), `${key}: ${String(value)}`);
      if (property.enum) assert.equal(accepts('something else'), false);
      for (const bound of [property.minimum, property.maximum]) {
        if (bound !== undefined) assert.ok(accepts(bound), `${key}: ${bound}`);
      }
      if (property.minimum !== undefined) assert.equal(accepts(property.minimum - 1), false, key);
      if (property.maximum !== undefined) assert.equal(accepts(property.maximum + 1), false, key);
      if (property.type === 'integer') assert.equal(accepts(1.5), false, key);
      if (property.maxLength !== undefined) assert.equal(accepts('x'.repeat(property.maxLength + 1)), false, key);
    }
  });

  it('names every string in package.nls.json, which has no other', () => {
    const used = new Set([...text.matchAll(/"%([^%"]+)%"/g)].map(([, key]) => key!));
    const unused = Object.keys(strings).filter((key) => !used.has(key));
    assert.deepEqual(
      [...used].filter((key) => !(key in strings)),
      [],
    );
    assert.deepEqual(
      unused,
      ['extension.displayName'].filter((key) => unused.includes(key)),
    );
  });

  it('has titles that begin with AI Assistant and commands that exist in menus and keys', () => {
    const commands = new Set(manifest.contributes.commands.map(({ command }) => command));
    for (const { title } of manifest.contributes.commands) {
      assert.match(strings[title.slice(1, -1)] ?? '', /^AI Assistant: \S/);
    }
    const used = [...Object.values(manifest.contributes.menus).flat(), ...manifest.contributes.keybindings];
    for (const { command } of used) assert.ok(commands.has(command), command);
  });
});

describe('The strings of the extension', () => {
  it('stand in the bundle for translators as the sources have them now (npm run docs writes it)', async () => {
    assert.equal(read(bundleFile), await renderStringBundle());
  });

  it('are never shown without having been looked up', () => {
    const shown = /show(?:Information|Warning|Error)Message\(\s*['"`]/;
    for (const file of globSync('extension/src/**/*.ts', { cwd: root })) {
      assert.doesNotMatch(read(file), shown, `${file} shows a text that cannot be translated`);
    }
  });
});
