// `vertex run`: starts a node in the foreground and listens to signals. TERM and INT drain, a
// second one ends at once; HUP reads the config again and keeps the old one when the new one is
// wrong.

import pino from 'pino'
import type { Config } from '../config/config.ts'
import { addressText } from '../core/address.ts'
import { LineSink } from '../edge/line-sink.ts'
import { loadConfig } from '../config/load.ts'
import { formatMistake } from '../config/mistake.ts'
import { Server } from '../server.ts'

const FAILED = 1
/** The last lines get so long when a node has stopped. */
const LAST_LINES_MS = 500
/** In JSON any character may be written as its number, and lines stay of one byte a character. */
const NOT_ASCII = /[\u0080-\uffff]/g
const INVALID_CONFIG = 3

/**
 * Runs until it is told to stop.
 *
 * @returns the exit code: 0 after a drain, 1 when it could not start, 3 for an invalid config
 */
export async function run(options: { readonly config: string }): Promise<number> {
  const loaded = loadConfig({ file: options.config, env: process.env })
  if ('mistakes' in loaded) {
    process.stderr.write(`${loaded.mistakes.map(formatMistake).join('\n')}\n`)
    return INVALID_CONFIG
  }
  const { config, warnings } = loaded
  const sink = new LineSink('stdout')
  process.on('exit', () => sink.flushNow())
  const log = pino({ level: config.logLevel }, neverWaiting(sink))
  for (const warning of warnings) log.warn(warning)
  const server = await start(config, log)
  if (server === null) return FAILED
  watchFaults(server, log)
  process.on('SIGHUP', () => void reload(options.config, server, log))
  // From the first customer on a signal drains, also while the admin API is being opened.
  const ended = stopped(server, log)
  const code = (await openAdmin(server, log)) ? await ended : FAILED
  await sink.close(LAST_LINES_MS)
  return code
}

/**
 * Nothing waits for whoever reads the log: a pipe that nobody empties must not hold the thread that
 * judges. Lines are written at once, and lost when too many wait.
 */
function neverWaiting(sink: LineSink): { write(line: string): void } {
  return {
    write(line) {
      sink.write(
        line.replace(NOT_ASCII, (char) => {
          return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
        }),
      )
      sink.flush()
    },
  }
}

/** Opens the admin API; a node that cannot have it drains and ends, and this is false. */
async function openAdmin(server: Server, log: pino.Logger): Promise<boolean> {
  try {
    await server.openAdmin()
    if (!server.draining) announce(server, log)
  } catch (error) {
    if (server.draining) return true // it was told to stop meanwhile
    tell(error, log)
    await server.stop()
    return false
  }
  return true
}

function tell(error: unknown, log: pino.Logger): void {
  const reason = error instanceof Error ? error.message : String(error)
  // A sentence of ours says all there is to know; the place in our code is of use for bugs only.
  if (reason.startsWith('Cannot ')) log.fatal(reason)
  else log.fatal({ err: error }, reason)
  process.stderr.write(`${reason}\n`)
}

async function start(config: Config, log: pino.Logger): Promise<Server | null> {
  try {
    return await Server.start(config, log)
  } catch (error) {
    tell(error, log)
    // Threads that were started already would keep the process alive.
    setTimeout(() => process.exit(FAILED), 200)
    return null
  }
}

function announce(server: Server, log: pino.Logger): void {
  log.info({ listen: addressText(server.listen), admin: addressText(server.admin) }, 'ready')
}

/** Nothing on the control side may end the serving of traffic: a bug is told, not died of. */
function watchFaults(server: Server, log: pino.Logger): void {
  const note = (kind: string, error: unknown): void => {
    log.error({ err: error }, `${kind}: serving goes on, but this is a bug`)
    server.noteFault(`${kind}: ${error instanceof Error ? error.message : String(error)}`)
  }
  process.on('uncaughtException', (error) => note('Uncaught exception', error))
  process.on('unhandledRejection', (reason) => note('Unhandled rejection', reason))
}

async function reload(file: string, server: Server, log: pino.Logger): Promise<void> {
  const loaded = loadConfig({ file, env: process.env })
  if ('mistakes' in loaded) {
    const mistakes = loaded.mistakes.map(formatMistake)
    log.error({ mistakes }, 'The config was not reloaded as it has mistakes: the old one stays')
    server.refuseReload(mistakes)
    return
  }
  await server.reload(loaded.config)
  log.info({}, 'The config was reloaded')
}

function stopped(server: Server, log: pino.Logger): Promise<number> {
  return new Promise((resolve) => {
    let asked = false
    const stop = (signal: string): void => {
      if (asked) {
        log.warn({ signal }, 'Stopping at once')
        process.exit(FAILED)
      }
      asked = true
      log.info({ signal }, 'Draining')
      server.stop().then(
        () => {
          log.info({}, 'Stopped')
          resolve(0)
        },
        // Traffic has been drained by then: what is left must not keep the process alive.
        (error: unknown) => {
          log.error({ err: error }, 'Stopped, but not everything could be closed')
          setTimeout(() => process.exit(FAILED), 200)
        },
      )
    }
    process.on('SIGTERM', () => stop('SIGTERM'))
    process.on('SIGINT', () => stop('SIGINT'))
  })
}
