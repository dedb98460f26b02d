// The command line: which verbs there are, what they take, and how a run ends. Every verb lives in
// a file of its own that is loaded only when it is called, so that `vertex healthcheck` does not
// pay for the proxy. This file prints mistakes in the command line; verbs print their own
// failures.

import { Command, CommanderError, Option } from 'commander'
import {
  collect,
  durationOption,
  lineCount,
  MOST_LINES,
  oneOrTwo,
  revision,
  runCount,
  whole,
} from './arguments.ts'
import type { Word } from './completion.ts'
import type { Context, GlobalFlags } from './context.ts'
import { EXIT } from './exit.ts'
import {
  PROBE_HELP,
  type ProbeFlags,
  readAssertion,
  readRate,
  readRunDuration,
} from './probe-options.ts'
import type { SimulateFlags } from './simulate.ts'
import { vertexVersion } from './version.ts'

type Verb = (context: Context) => Promise<number>

const DEFAULT_CONFIG = 'vertex.yaml'

/** Runs a verb that speaks with a node: makes its context and closes it again. */
async function speak(command: Command, verb: Verb): Promise<void> {
  const { makeContext } = await import('./context.ts')
  const { fail } = await import('./exit.ts')
  const context = await makeContext(command.optsWithGlobals<GlobalFlags>(), process.env)
  if (!context.ok) {
    process.exitCode = fail(context)
    return
  }
  process.exitCode = await verb(context.value)
  await context.value.client.close()
}

function configOf(command: Command): string {
  const { config } = command.optsWithGlobals<{ config?: string }>()
  const { VERTEX_CONFIG: fromEnv = '' } = process.env
  return config ?? (fromEnv === '' ? DEFAULT_CONFIG : fromEnv)
}

function localVerbs(program: Command): void {
  program
    .command('run')
    .description('start the proxy')
    .action(async (_: unknown, command: Command) => {
      const { run } = await import('./run.ts')
      process.exitCode = await run({ config: configOf(command) })
    })
  program
    .command('demo')
    .description('see a good and a bad deployment, with nothing to set up')
    .option('--once', 'end when the story is told')
    .option('--fleet', 'with three nodes that agree through a Redis, which it starts')
    .action(async ({ fleet = false, once = false }: { fleet?: boolean; once?: boolean }) => {
      const { demo } = await import('./demo.ts')
      process.exitCode = await demo({ once, fleet })
    })
  program
    .command('validate')
    .description('check a config file without starting')
    .action(async (_: unknown, command: Command) => {
      const { validate } = await import('./validate.ts')
      const { output = 'table' } = command.optsWithGlobals<GlobalFlags>()
      process.exitCode = await validate({ config: configOf(command), output })
    })
  program
    .command('completion')
    .description('print a completion script for bash, zsh or fish')
    .argument('<shell>', 'bash, zsh or fish')
    .action(async (shell: string) => {
      const { completion } = await import('./completion.ts')
      process.exitCode = completion(shell, wordsOf(program))
    })
  program
    .command('version')
    .description('print the release')
    .action(() => {
      process.stdout.write(`vertex ${vertexVersion()} (node ${process.versions.node})\n`)
    })
}

function lookingVerbs(program: Command): void {
  program
    .command('status')
    .description('show services, their versions, figures and rollouts')
    .argument('[service]')
    .option('-w, --watch', 'go on until interrupted')
    .addOption(durationOption('--interval <duration>', 'how often to look with --watch', '1s'))
    .option('--count <n>', 'stop --watch after so many looks', whole)
    .action(
      async (
        service: string | undefined,
        flags: { watch?: boolean; interval: number; count?: number },
        command: Command,
      ) => {
        const { status } = await import('./status.ts')
        const { watch = false, interval: intervalMs, count = null } = flags
        await speak(command, (context) => status(context, { service, watch, intervalMs, count }))
      },
    )
  program
    .command('journal')
    .description('show the newest decisions')
    .argument('[service]')
    .option('-n, --lines <n>', `how many, at most ${MOST_LINES}`, lineCount, 20)
    .option('-f, --follow', 'go on until interrupted')
    .option('-a, --all', 'also entries that only carry counters')
    .addOption(
      new Option('--fleet', 'what all nodes of the fleet have decided').conflicts('follow'),
    )
    .action(
      async (
        service: string | undefined,
        flags: { lines: number; follow?: boolean; all?: boolean; fleet?: boolean },
        command: Command,
      ) => {
        const { journal } = await import('./journal.ts')
        const { all = false, fleet = false, follow = false, lines } = flags
        await speak(command, (context) => journal(context, { service, all, fleet, follow, lines }))
      },
    )
  program
    .command('fleet')
    .description('show the nodes of the fleet, and when each served by the last change')
    .argument('[service]')
    .action(async (service: string | undefined, _: unknown, command: Command) => {
      const { fleet } = await import('./fleet.ts')
      await speak(command, (context) => fleet(context, service))
    })
  program
    .command('healthcheck')
    .description('say by the exit code whether the node is ready')
    .option('--live', 'only ask whether it answers')
    .action(async ({ live = false }: { live?: boolean }, command: Command) => {
      const { healthcheck } = await import('./healthcheck.ts')
      await speak(command, (context) => healthcheck(context, live))
    })
}

function splitVerbs(program: Command): void {
  program
    .command('deploy')
    .description('start the rollout of a version')
    .usage('[service] <version> [--target <url>] [options]')
    .argument('<version...>', 'the version, after its service if there are several', oneOrTwo)
    .option('-t, --target <url>', 'where it listens; may be repeated, left out if known', collect)
    .option('--wait', 'wait for the end: exit 0 promoted, 4 taken out, 5 not in time, 1 superseded')
    .option('--replace', 'end the rollout of another version that runs, without quarantine')
    .addOption(durationOption('--timeout <duration>', 'how long --wait waits', '1h'))
    .action(
      async (
        words: readonly string[],
        flags: { target?: readonly string[]; wait?: true; replace?: true; timeout: number },
        command: Command,
      ) => {
        const { deploy } = await import('./deploy.ts')
        const { target: targets = [], timeout: timeoutMs, wait = false, replace = false } = flags
        const options = { targets, wait, replace, timeoutMs }
        await speak(command, (context) => deploy(context, words, options))
      },
    )
  program
    .command('weight')
    .description("set the candidate's share by hand, in percent")
    .usage('[service] <percent> [options]')
    .argument('<percent...>', 'the percentage, after its service if there are several', oneOrTwo)
    .option('--force', 'pass over gates, and over candidate targets that are out or not reached')
    .option('--revision <n>', 'only if the service still has this revision', revision)
    .action(
      async (
        words: readonly string[],
        flags: { force?: boolean; revision?: number },
        command: Command,
      ) => {
        const { weight } = await import('./weight.ts')
        const { force = false, revision } = flags
        const options = { force, revision }
        await speak(command, (context) => weight(context, words, options))
      },
    )
}

interface Post {
  readonly about: string
  readonly path: string
  readonly flag?: { readonly name: 'full' | 'force'; readonly about: string }
}

/** Verbs that are one POST about a service. */
const POSTS: Readonly<Record<string, Post>> = {
  promote: {
    about: 'go to the next step of the rollout now; at 100 % end the bake',
    path: '/rollout/promote',
    flag: { name: 'full', about: 'go to 100 % at once, past all gates and steps' },
  },
  pause: { about: 'hold the rollout where it is', path: '/rollout/pause' },
  resume: { about: 'let a paused rollout go on', path: '/rollout/resume' },
  abort: { about: 'end the rollout: all traffic to stable, at once', path: '/rollout/abort' },
  rollback: {
    about: 'abort the rollout that runs; after a promotion swap back to the previous stable',
    path: '/rollback',
    flag: { name: 'force', about: 'also onto a version without a healthy target' },
  },
}

function postVerbs(program: Command): void {
  for (const [name, { about, path, flag }] of Object.entries(POSTS)) {
    const verb = program.command(name).description(about).argument('[service]')
    if (flag !== undefined) verb.option(`--${flag.name}`, flag.about)
    verb.option('--revision <n>', 'only if the service still has this revision', revision)
    verb.action(
      async (
        service: string | undefined,
        flags: { full?: boolean; force?: boolean; revision?: number },
        command: Command,
      ) => {
        const { change } = await import('./change.ts')
        const { revision: ifMatch, ...body } = flags
        const request = { method: 'POST', path, body, ifMatch } as const
        await speak(command, (context) => change(context, { service, request }))
      },
    )
  }
}

function versionVerbs(program: Command): void {
  program
    .command('retry')
    .description('lift the quarantine of a version, so that it can be deployed again')
    .usage('[service] <version>')
    .argument('<version...>', 'the version, after its service if there are several', oneOrTwo)
    .action(async (words: readonly string[], _: unknown, command: Command) => {
      const { retry } = await import('./version-verbs.ts')
      await speak(command, (context) => retry(context, words))
    })
  program
    .command('targets')
    .description('replace the targets of a version; needs no rollout')
    .usage('[service] <version> --target <url> [options]')
    .argument('<version...>', 'the version, after its service if there are several', oneOrTwo)
    .requiredOption('-t, --target <url>', 'where it listens; may be repeated', collect)
    .action(
      async (words: readonly string[], flags: { target: readonly string[] }, command: Command) => {
        const { targets } = await import('./version-verbs.ts')
        await speak(command, (context) => targets(context, words, flags.target))
      },
    )
}

function probeVerb(program: Command): void {
  program
    .command('probe')
    .description('run a synthetic transaction against a version and print its report')
    .usage('[service] <version> --scenario <name> [options]')
    .argument('<version...>', 'the version, after its service if there are several', oneOrTwo)
    .requiredOption('--scenario <name>', 'which scenario')
    .option('--assert <metric=bound>', 'also p99_latency=50ms and so on; repeatable', readAssertion)
    .option('--rate <n>', 'transactions a second, instead of what the scenario says', readRate)
    .option('--duration <time>', 'how long, instead of what the scenario says', readRunDuration)
    .addHelpText('after', PROBE_HELP)
    .action(async (words: readonly string[], flags: ProbeFlags, command: Command) => {
      const { probe } = await import('./probe.ts')
      await speak(command, (context) => probe(context, words, flags))
    })
}

const SIMULATE_HELP = `
A journal without a strategy is replayed as it was: exit 1 when the decisions differ. With -c and a
journal or scenario the strategy is that of the config file. A scenario is a YAML file:
  rate: 200                     # requests a second
  both: { errors: 0.05%, latency: { p50: 20ms, p99: 80ms } }
  changes:
    - { at: 90s, candidate: { errors: 5% } }
    - { at: 5m, for: 10s, both: { errors: 30% }, rate: 400 }
Also: duration, rescued, response_head, stable, candidate, hangs.`

function simulateVerb(program: Command): void {
  program
    .command('simulate')
    .description('replay a rollout from a journal, or play a scenario, against a strategy')
    .option('--journal <path>', 'a journal file or a state directory; else that of the node')
    .option('--scenario <file>', 'traffic and behaviour described in YAML')
    .option('--rollout <id>', 'which rollout of the journal; else its last')
    .option('--service <name>', 'of this service only')
    .option('--strategy <file>', 'a deploy_strategy block; what it leaves out stays as it was')
    .option('--sweep <range>', 'a table over a setting: error_rate_threshold=0.05%..1%/5')
    .option('--runs <n>', 'how often a scenario is played, at most 10000', runCount, 200)
    .option('--seed <n>', "the first run's; the same seeds give the same runs", whole, 1)
    .addHelpText('after', SIMULATE_HELP)
    .action(async (flags: SimulateFlags, command: Command) => {
      const { simulate } = await import('./simulate.ts')
      process.exitCode = await simulate(flags, command.optsWithGlobals<GlobalFlags>())
    })
}

function wordsOf(program: Command): Word[] {
  const shared = program.options.map(({ long }) => long ?? '')
  return program.commands.map((command) => ({
    verb: command.name(),
    about: command.description(),
    flags: [...command.options.map(({ long }) => long ?? ''), ...shared],
  }))
}

function makeProgram(): Command {
  const program = new Command('vertex')
  program
    .description('An edge proxy that splits traffic between two versions and takes a bad one out.')
    .version(vertexVersion(), '-V, --version')
    .option('-c, --config <file>', `the config file (VERTEX_CONFIG, else ${DEFAULT_CONFIG})`)
    .option(
      '--admin <url>',
      'the admin API (VERTEX_ADMIN, else that of a config file named by -c or VERTEX_CONFIG, ' +
        'else http://127.0.0.1:9900)',
    )
    .option(
      '--token-file <file>',
      'its token (VERTEX_ADMIN_TOKEN, VERTEX_ADMIN_TOKEN_FILE, else that of the config file)',
    )
    .addOption(
      new Option('-o, --output <form>', 'how to print (else table)').choices(['table', 'json']),
    )
    .option('--no-color', 'print without colours (NO_COLOR)')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 failed, 2 usage, 3 invalid config, 4 rolled back, 5 timed out, 6 admin unreachable',
    )
    .exitOverride()
    .configureOutput({
      outputError: (text, write) =>
        write(text.replace(/^error: /, 'Cannot read the command line: ').replace('\n(', ' (')),
    })
    .showSuggestionAfterError(true)
  localVerbs(program)
  lookingVerbs(program)
  splitVerbs(program)
  postVerbs(program)
  versionVerbs(program)
  probeVerb(program)
  simulateVerb(program)
  return program
}

/** A reader such as `head` that has seen enough is no failure. */
function endQuietlyOnClosedPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit()
  })
}

/** Runs one command line (without the program's name) and leaves the exit code in `process`. */
export async function main(argv: readonly string[]): Promise<void> {
  endQuietlyOnClosedPipe()
  try {
    await makeProgram().parseAsync([...argv], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage
  }
}
