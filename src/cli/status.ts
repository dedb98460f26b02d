// `vertex status`: the services once, or with -w again and again until interrupted. On a terminal
// the table is redrawn in place and says what has moved; elsewhere a service gets a line whenever
// it has changed. While watching, a node that cannot be reached is shown as that and asked again,
// since it is likely to be restarting.

import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ServiceView } from '../core/command.ts'
import type { Context } from './context.ts'
import { EXIT, fail, type Result, success } from './exit.ts'
import { statusLine, statusText } from './status-table.ts'

const HOME = '\x1b[H'
const CLEAR_BELOW = '\x1b[J'
const CLEAR_LINE_END = '\x1b[K'
/** Another screen, no cursor, and lines that are too long are cut instead of wrapped. */
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l'
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l'

export interface StatusOptions {
  readonly service: string | undefined
  readonly watch: boolean
  readonly intervalMs: number
  /** How many looks; null for no end. */
  readonly count: number | null
}

async function look(
  { client }: Context,
  service: string | undefined,
): Promise<Result<readonly ServiceView[]>> {
  if (service === undefined) return client.services()
  const one = await client.service(service)
  return one.ok ? success([one.value]) : one
}

/** Draws the looks one after the other. */
interface Drawing {
  /** Shows what was seen; false while the output cannot take more. */
  readonly show: (seen: Result<readonly ServiceView[]>) => boolean
  readonly close: () => void
}

function widthOf(): number | null {
  return process.stdout.isTTY ? process.stdout.columns : null
}

/** Draws over the last block without a moment of emptiness, cut to the size of the screen. */
function redraw(text: string): void {
  const lines = text.split('\n').slice(0, process.stdout.rows - 1)
  const body = lines.map((line) => `${line}${CLEAR_LINE_END}\n`).join('')
  process.stdout.write(`${HOME}${body}${CLEAR_BELOW}`)
}

/** The table in place, with what has moved since the last look. */
function onScreen({ colour }: Context, intervalMs: number): Drawing {
  let before: readonly ServiceView[] = []
  let last = ''
  process.stdout.write(ENTER)
  return {
    show: (seen) => {
      const look = { watching: true, before }
      last = seen.ok ? statusText(seen.value, { colour, width: widthOf(), look }) : seen.line
      if (seen.ok) before = seen.value
      const stamp = `${new Date().toISOString().slice(11, 19)}  every ${intervalMs / 1000} s`
      redraw(`${stamp}\n\n${last}`)
      return true
    },
    close: () => process.stdout.write(`${LEAVE}${last}\n`),
  }
}

/** A line a service, whenever it says something new. */
function asLines(): Drawing {
  const last = new Map<string, string>()
  const stamped = (key: string, line: string): string => {
    if (last.get(key) === line) return ''
    last.set(key, line)
    return `${new Date().toISOString().slice(11, 19)}  ${line}\n`
  }
  return {
    show: (seen) => {
      const lines = seen.ok
        ? seen.value.map((service) => stamped(service.name, statusLine(service)))
        : [stamped('', seen.line)]
      // What is reached again is told again.
      if (!seen.ok) for (const key of last.keys()) if (key !== '') last.delete(key)
      if (seen.ok) last.delete('')
      const text = lines.join('')
      return text === '' || process.stdout.write(text)
    },
    close: () => {},
  }
}

/** A line of JSON a look. */
function asJson(): Drawing {
  return {
    show: (seen) =>
      process.stdout.write(`${seen.ok ? JSON.stringify({ services: seen.value }) : seen.line}\n`),
    close: () => {},
  }
}

function drawingOf(context: Context, intervalMs: number): Drawing {
  if (context.output === 'json') return asJson()
  return process.stdout.isTTY ? onScreen(context, intervalMs) : asLines()
}

async function watch(context: Context, options: StatusOptions): Promise<number> {
  const { service, intervalMs, count } = options
  const leave = new AbortController()
  const stop = (): void => leave.abort()
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  const drawing = drawingOf(context, intervalMs)
  let reached = false
  try {
    for (let shown = 0; !leave.signal.aborted && shown !== count; shown++) {
      if (shown > 0) await sleep(intervalMs, undefined, { signal: leave.signal })
      const got = await look(context, service)
      if (!got.ok && !(reached && got.exit === EXIT.unreachable)) return fail(got)
      reached = true
      if (!drawing.show(got)) await once(process.stdout, 'drain', { signal: leave.signal })
    }
  } catch (error) {
    if (!leave.signal.aborted) throw error
  } finally {
    drawing.close()
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
  return EXIT.done
}

export async function status(context: Context, options: StatusOptions): Promise<number> {
  if (options.watch) return watch(context, options)
  const got = await look(context, options.service)
  if (!got.ok) return fail(got)
  const text =
    context.output === 'json'
      ? JSON.stringify({ services: got.value }, null, 2)
      : statusText(got.value, { colour: context.colour, width: widthOf() })
  process.stdout.write(`${text}\n`)
  return EXIT.done
}
