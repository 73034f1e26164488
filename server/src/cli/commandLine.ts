import { Command, CommanderError, Option } from 'commander';
import { grantedScopes } from '../../protocol/declaration.ts';
import { CodedError } from '../../protocol/errors.ts';
import { logLevels } from '../base/logger.ts';
import { readVersion } from '../version.ts';
import {
  createBackup,
  listBackups,
  restoreBackup,
  verifyBackups,
  type BackupOptions,
  type RestoreOptions,
} from './backups.ts';
import {
  exportConversation,
  importConversation,
  listConversations,
  type ExportOptions,
  type ImportOptions,
  type ListConversationsOptions,
} from './conversations.ts';
import {
  deleteAuditLog,
  queryAuditLog,
  verifyAuditLog,
  type AuditDeleteOptions,
  type AuditQueryOptions,
  type AuditVerifyOptions,
} from './audit.ts';
import { DetachKey } from './detachKey.ts';
import { exitCodes } from './exitCodes.ts';
import { runLsp, type LspOptions } from './lsp.ts';
import { approvals, runTurn, type RunOptions } from './run.ts';
import { runServe, type ServeOptions } from './serve.ts';
import {
  attachTerminal,
  killTerminal,
  listTerminals,
  type AttachOptions,
  type ListOptions,
  type TerminalsOptions,
} from './terminals.ts';
import { terminalOutput } from './terminalOutput.ts';
import {
  createToken,
  listTokens,
  revokeToken,
  rotateToken,
  type CreateTokenOptions,
  type TokensOptions,
} from './tokens.ts';

/** Runs the command that `argv` names. Every failure is one line on stderr and an exit code of `exitCodes`. */
export async function runCommandLine(argv: readonly string[]): Promise<void> {
  terminalOutput.outliveReaders();
  try {
    await createProgram().parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.code.startsWith('lsp.')) terminalOutput.tell(`${error.message}\n`);
      process.exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    } else if (error instanceof CodedError) {
      terminalOutput.tell(`ai-dev-assistant: ${error.message}\n`);
      process.exitCode = exitCodes.failed;
    } else throw error;
  }
}

function createProgram(): Command {
  const program = new Command('ai-dev-assistant');
  program
    .description('The companion server of the AI Development Assistant: agents and real terminals for any editor.')
    .version(readVersion(), '--version', 'print the version')
    .helpOption('--help', 'print this help')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeOut: (text) => terminalOutput.print(text), writeErr: (text) => terminalOutput.tell(text) })
    .showSuggestionAfterError()
    .showHelpAfterError('Run with --help for what there is.');

  withDataFolder(program.command('lsp'))
    .description('a language server for any editor, on stdin and stdout')
    .addOption(new Option('--stdio', 'speak on stdin and stdout').conflicts('nodeIpc'))
    .addOption(
      new Option('--node-ipc', 'speak over the IPC channel of the parent, which must be a Node process').hideHelp(),
    )
    .action((options: LspOptions) => runLsp(options));

  withDataFolder(program.command('serve'))
    .description('HTTP and WebSocket for scripts and other programs; the first line on stdout is JSON and says where')
    .option('--host <address>', 'address to listen on, else 127.0.0.1; beyond 127.0.0.1 and ::1 only with TLS')
    .option('--port <number>', 'port to listen on, else a free one', parsePort)
    .option('--tls-cert <file>', 'certificate and those that vouch for it, in PEM; is read again when it changes')
    .option('--tls-key <file>', 'its private key, in PEM, for you alone')
    .option('--allowed-host <name...>', 'further name or address under which clients may come')
    .option('--workspace <folder>', 'folder that agents work in; naming it says that you trust it')
    .action((options: ServeOptions) => runServe(options));

  withDataFolder(program.command('run'))
    .description('one turn of the agent in this terminal; the prompt "-" is read from stdin')
    .argument('<prompt>', 'what to do')
    .option('--model <provider/model>', 'model to use, such as openai/gpt-5 or ollama/qwen3-coder')
    .option('--workspace <folder>', 'folder to work in; naming it says that you trust it', '.')
    .option('--conversation <id>', 'conversation to go on with: its id, or as much of it as no other begins with')
    .addOption(new Option('--approve <what>', 'effects allowed without asking').choices(approvals).default('none'))
    .option('--json', 'print one event a line, as JSON')
    .action((prompt: string, options: RunOptions) => runTurn(prompt, options));

  addTerminals(program.command('terminals').description('terminals of the data folder, those of editors included'));

  addConversations(
    program.command('conversations').description('conversations: which there are, to be given away and taken in'),
  );

  addBackups(program.command('backup').description('copies of conversations, audit log and settings'));

  addTokens(program.command('tokens').description('who else may come in over HTTP and WebSocket'));

  addAudit(program.command('audit').description('the record of what was allowed, run and changed'));

  for (const command of allCommands(program)) command.exitOverride().helpOption('--help', 'print this help');
  return program;
}

function addAudit(audit: Command): void {
  audit.helpCommand(false);
  withDataFolder(audit.command('verify'))
    .description(
      'check that no record was changed or taken out; exit code 1 names the first that does not hold, 66: no log',
    )
    .option('--public-key <file...>', 'believe only what these keys have signed (PEM)')
    .option('--json', 'print everything that was found, as one line of JSON')
    .action((options: AuditVerifyOptions) => verifyAuditLog(options));

  withDataFolder(audit.command('query'))
    .description('print records, the latest first')
    .option('--kind <kind>', 'exactly this kind, such as command.run')
    .option('--actor <text>', 'whose kind, client, token (its id) or conversation is this')
    .option('--from <time>', 'the earliest: a day, such as 2026-01-31, or a time, such as 2026-01-31T08:00:00Z')
    .option('--to <time>', 'the latest; a day counts whole')
    .option('--limit <number>', 'most records to print, 1 to 10000', parseRecords, 50)
    .option('--json', 'print them as one line of JSON')
    .action((options: AuditQueryOptions) => queryAuditLog(options));

  withDataFolder(audit.command('delete'))
    .description('delete whole files whose last record is older than a day; that they were deleted is recorded')
    .requiredOption('--before <date>', 'such as 2026-01-31', parseDate)
    .action((options: AuditDeleteOptions) => deleteAuditLog(options));
}

function addTerminals(terminals: Command): void {
  terminals.helpCommand(false);
  withDataFolder(terminals.command('list'))
    .description('what runs in each, and since when')
    .option('--json', 'print the answer of terminal/list, as one line of JSON')
    .action((options: ListOptions) => listTerminals(options));

  withDataFolder(terminals.command('attach'))
    .description('show one in this terminal, until its program ends or you detach')
    .argument('<id>', 'its id, or as much of it as no other begins with')
    .addOption(
      new Option('--detach-key <key>', 'key that ends the attachment and leaves the program running')
        .argParser((text) => DetachKey.parse(text))
        .default(DetachKey.parse('ctrl-\\'), 'ctrl-\\'),
    )
    .option('--read-only', 'watch only: pass on no key and no size')
    .action((id: string, options: AttachOptions) => attachTerminal(id, options));

  withDataFolder(terminals.command('kill'))
    .description('end the program in one, and everything it has started')
    .argument('<id>', 'its id, or as much of it as no other begins with')
    .action((id: string, options: TerminalsOptions) => killTerminal(id, options));
}

function addConversations(conversations: Command): void {
  conversations.helpCommand(false);
  withDataFolder(conversations.command('list'))
    .description('which there are, the latest first')
    .option('--workspace <folder>', 'only those about this folder')
    .option('--json', 'print the answer of session/list, as one line of JSON')
    .action((options: ListConversationsOptions) => listConversations(options));

  withDataFolder(conversations.command('export'))
    .description('write one as a document, to be read or to be imported elsewhere')
    .argument('<id>', 'its id, or as much of it as no other begins with')
    .addOption(
      new Option('--format <format>', 'json can be imported').choices(['markdown', 'json']).default('markdown'),
    )
    .option('--output <file>', 'file to write; stdout if left out')
    .action((id: string, options: ExportOptions) => exportConversation(id, options));

  withDataFolder(conversations.command('import'))
    .description('begin one with what was exported as JSON')
    .argument('<file>', 'the document; "-" is stdin')
    .option('--workspace <folder>', 'folder that it is to be about', '.')
    .option('--json', 'print the answer as one line of JSON')
    .action((file: string, options: ImportOptions) => importConversation(file, options));
}

function addBackups(backup: Command): void {
  const json = ['--json', 'print the answer as one line of JSON'] as const;
  const id = 'its id, or "latest"';
  backup.helpCommand(false);
  withDataFolder(backup.command('create'))
    .description('make one now')
    .option(...json)
    .action((options: BackupOptions) => createBackup(options));

  withDataFolder(backup.command('list'))
    .description('which there are, the latest first')
    .option(...json)
    .action((options: BackupOptions) => listBackups(options));

  withDataFolder(backup.command('verify'))
    .description('read one back, or all, and say what is damaged')
    .argument('[id]', id)
    .option(...json)
    .action((backupId: string | undefined, options: BackupOptions) => verifyBackups(backupId, options));

  withDataFolder(backup.command('restore'))
    .description('put everything back as it was; what is there now is backed up first')
    .argument('<id>', id)
    .option('--conversation <id>', 'put back this one only')
    .option('--skip-damaged', 'of a damaged backup, restore what is whole; the rest stays as it is now')
    .option('--dry-run', 'say what would change, and change nothing')
    .option(...json)
    .action((backupId: string, options: RestoreOptions) => restoreBackup(backupId, options));
}

function addTokens(tokens: Command): void {
  tokens.helpCommand(false);
  withDataFolder(tokens.command('list'))
    .description('what each may do, and until when')
    .option('--json', 'print the answer of security/tokens, as one line of JSON')
    .action((options: TokensOptions) => listTokens(options));

  withDataFolder(tokens.command('create'))
    .description('make one; it is printed this once')
    .requiredOption('--name <text>', 'who or what it is for')
    .addOption(new Option('--scope <scope>', 'what it may do').choices(grantedScopes).default('read'))
    .option('--hours <number>', 'how long it holds', parseHours, 24)
    .option('--json', 'print the answer of security/issue, as one line of JSON')
    .action((options: CreateTokenOptions) => createToken(options));

  withDataFolder(tokens.command('rotate'))
    .description('replace one by a new one, and send away who came in with it')
    .argument('<id>', 'its id; dataFolder for the one in the file')
    .option('--json', 'print the answer of security/rotate, as one line of JSON')
    .action((id: string, options: TokensOptions) => rotateToken(id, options));

  withDataFolder(tokens.command('revoke'))
    .description('end one, and send away who came in with it')
    .argument('<id>', 'its id')
    .action((id: string, options: TokensOptions) => revokeToken(id, options));
}

function allCommands(program: Command): Command[] {
  return program.commands.flatMap((command) => [command, ...allCommands(command)]);
}

function withDataFolder(command: Command): Command {
  return command
    .option('--data-dir <folder>', 'where everything is kept (also: AI_DEV_ASSISTANT_HOME)')
    .addOption(new Option('--log-level <level>', 'least weight of a line on stderr').choices(logLevels));
}

function parseHours(text: string): number {
  const hours = Number(text);
  if (/^\d{1,4}(?:\.\d{1,3})?$/.test(text) && hours > 0) return hours;
  throw new CommanderError(
    exitCodes.usage,
    'commander.invalidArgument',
    `error: "${text}" is no number of hours: use 0.001 to 8784.`,
  );
}

function parseDate(text: string): Date {
  const date = new Date(text);
  if (/^\d{4}-\d\d-\d\d(?:T.*)?$/.test(text) && !Number.isNaN(date.getTime())) return date;
  throw new CommanderError(
    exitCodes.usage,
    'commander.invalidArgument',
    `error: "${text}" is no date: use 2026-01-31 or 2026-01-31T08:00:00Z.`,
  );
}

function parseRecords(text: string): number {
  const records = Number(text);
  if (/^\d{1,5}$/.test(text) && records >= 1 && records <= 10_000) return records;
  throw new CommanderError(
    exitCodes.usage,
    'commander.invalidArgument',
    `error: "${text}" is no number of records: use 1 to 10000.`,
  );
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new CommanderError(
    exitCodes.usage,
    'commander.invalidArgument',
    `error: "${text}" is no port: use 0 to 65535.`,
  );
}
