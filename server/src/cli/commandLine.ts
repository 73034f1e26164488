import { Command, CommanderError, Option } from 'commander';
import { CodedError } from '../../protocol/errors.ts';
import { logLevels } from '../base/logger.ts';
import { readVersion } from '../version.ts';
import { deleteAuditLog, verifyAuditLog, type AuditDeleteOptions, type AuditVerifyOptions } from './audit.ts';
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

/** Runs the command that `argv` names. Every failure is one line on stderr and an exit code of `exitCodes`. */
export async function runCommandLine(argv: readonly string[]): Promise<void> {
  try {
    await createProgram().parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.code.startsWith('lsp.')) process.stderr.write(`${error.message}\n`);
      process.exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    } else if (error instanceof CodedError) {
      process.stderr.write(`ai-dev-assistant: ${error.message}\n`);
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
    .description('HTTP on this machine, for scripts; the first line on stdout is JSON and says where')
    .option('--host <address>', 'address to listen on: 127.0.0.1 or ::1', '127.0.0.1')
    .option('--port <number>', 'port to listen on; 0 takes a free one', parsePort, 0)
    .option('--workspace <folder>', 'folder that agents work in; naming it says that you trust it')
    .action((options: ServeOptions) => runServe(options));

  withDataFolder(program.command('run'))
    .description('one turn of the agent in this terminal; the prompt "-" is read from stdin')
    .argument('<prompt>', 'what to do')
    .option('--model <provider/model>', 'model to use, such as openai/gpt-5 or ollama/qwen3-coder')
    .option('--workspace <folder>', 'folder to work in; naming it says that you trust it', '.')
    .addOption(new Option('--approve <what>', 'effects allowed without asking').choices(approvals).default('none'))
    .option('--json', 'print one event a line, as JSON')
    .action((prompt: string, options: RunOptions) => runTurn(prompt, options));

  addTerminals(program.command('terminals').description('terminals of the data folder, those of editors included'));

  addAudit(program.command('audit').description('the record of what was allowed, run and changed'));

  for (const command of allCommands(program)) command.exitOverride().helpOption('--help', 'print this help');
  return program;
}

function addAudit(audit: Command): void {
  audit.helpCommand(false);
  withDataFolder(audit.command('verify'))
    .description('check that no record was changed or taken out; exit code 1 names the first that does not hold')
    .option('--public-key <file...>', 'believe only what these keys have signed (PEM)')
    .option('--json', 'print everything that was found, as one line of JSON')
    .action((options: AuditVerifyOptions) => verifyAuditLog(options));

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

function allCommands(program: Command): Command[] {
  return program.commands.flatMap((command) => [command, ...allCommands(command)]);
}

function withDataFolder(command: Command): Command {
  return command
    .option('--data-dir <folder>', 'where everything is kept (also: AI_DEV_ASSISTANT_HOME)')
    .addOption(new Option('--log-level <level>', 'least weight of a line on stderr').choices(logLevels));
}

function parseDate(text: string): Date {
  const date = new Date(text);
  if (/^\d{4}-\d\d-\d\d(?:T.*)?$/.test(text) && !Number.isNaN(date.getTime())) return date;
  throw new CommanderError(
    exitCodes.usage,
    'commander.invalidArgument',
    `error: "${text}" is no date: use 2026-01-31.`,
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
