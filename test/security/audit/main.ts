import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { buildProduct } from '../../../scripts/build.ts';
import { runTask } from '../../../scripts/command.ts';
import { distFolder, projectFolder } from '../../../scripts/project.ts';
import { addressAttacks } from './addresses.ts';
import { answerAttacks } from './answers.ts';
import { AttackedServer } from './attackedServer.ts';
import { exitCodeOf, Findings } from './findings.ts';
import { runIncidents, type Incident } from './incidents.ts';
import { limitAttacks } from './limits.ts';
import { machineAttacks } from './machine.ts';
import { renderTotals, writeReport } from './report.ts';
import { requestAttacks } from './requests.ts';
import { slowClientAttacks } from './slowClients.ts';
import { compareTimes } from './timing.ts';
import { tokenAttacks } from './tokens.ts';
import { webSocketAttacks } from './webSockets.ts';

interface Audit {
  readonly findings: Findings;
  readonly server: AttackedServer;
  readonly bundle: string;
}

/** The parts by the names that `--only` takes, in the order in which they are made; what the last ones judge came before. */
const parts: Readonly<Record<string, (audit: Audit) => Promise<void>>> = {
  addresses: ({ findings, server }) => findings.attackWith('Host and Origin', addressAttacks(server)),
  tokens: ({ findings, server }) => findings.attackWith('Tokens', tokenAttacks(server)),
  requests: ({ findings, server }) => findings.attackWith('Requests', requestAttacks(server)),
  webSockets: ({ findings, server }) => findings.attackWith('WebSockets', webSocketAttacks(server)),
  slowClients: ({ findings, server }) => findings.attackAtOnce('Slow and many clients', slowClientAttacks(server)),
  limits: ({ findings, bundle }) => findings.attackWith('Limits', limitAttacks(bundle)),
  machine: ({ findings, server, bundle }) => findings.attackWith('This machine', machineAttacks(server, bundle)),
  timing: async ({ findings, server }) =>
    findings.report(
      'Timing',
      'wrong tokens told apart by how long it takes to refuse them',
      await compareTimes(server),
    ),
  answers: ({ findings, server }) => findings.attackWith('Answers', answerAttacks(server)),
};

/** Attacks a real server from outside and writes the report. The exit code is 1 where anything was let through or not judged. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      // The program to attack; what stands in dist/, built anew, where left out.
      bundle: { type: 'string' },
      output: { type: 'string', default: path.join(projectFolder, 'docs', 'reports') },
      only: { type: 'string' },
    },
  });
  const chosen = values.only?.split(',') ?? [...Object.keys(parts), 'incidents'];
  const unknown = chosen.filter((name) => name !== 'incidents' && !Object.hasOwn(parts, name));
  if (unknown.length > 0)
    throw new Error(`--only takes ${Object.keys(parts).join(', ')}, incidents; not ${unknown.join(', ')}.`);
  if (values.bundle === undefined) await buildProduct({ minify: true });
  const bundle = values.bundle ?? path.join(distFolder, 'server.js');
  const findings = await attack(bundle, chosen);
  const incidents = chosen.includes('incidents') ? await tellIncidents() : undefined;
  await writeReport(values.output, { findings, ...(incidents && { incidents }) });
  console.log(renderTotals(findings));
  const incidentsHold = incidents?.every(({ passed }) => passed) ?? true;
  return incidentsHold ? exitCodeOf(findings) : 1;
}

async function attack(bundle: string, chosen: readonly string[]) {
  const findings = new Findings();
  const server = await AttackedServer.start(bundle);
  try {
    await server.beUsed();
    for (const [name, make] of Object.entries(parts)) {
      if (!chosen.includes(name)) continue;
      console.log(`Attacking: ${name} …`);
      await make({ findings, server, bundle });
    }
  } finally {
    await server.close();
  }
  return findings.all;
}

async function tellIncidents(): Promise<Incident[]> {
  console.log('Attacking: published incidents …');
  const incidents = await runIncidents();
  for (const { number, test } of incidents.filter(({ passed }) => !passed))
    console.log(`✖ let through: ${number}: ${test}`);
  return incidents;
}

await runTask(main);
