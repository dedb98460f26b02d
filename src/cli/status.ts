// `vertex status`: the services, what does not work as it should, and the fleet; once, or with -w
// again and again until interrupted. On a terminal the table is redrawn in place and says what has
// moved; elsewhere a service gets a line whenever it has changed. While watching, a node that
// cannot be reached is shown as that and asked again, since it is likely to be restarting.

import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ServiceView } from '../core/command.ts'
import type { FleetView } from '../core/fleet/view.ts'
import type { Context } from './context.ts'
import { EXIT, fail, type Result, success } from './exit.ts'
import { fleetLine, fleetText } from './fleet-table.ts'
import { noteLines, type Paper } from './status-cells.ts'
import { type Look, statusLine, statusText } from './status-table.ts'

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

/** What one look has seen; it is also what is printed as JSON. */
interface Seen {
  readonly services: readonly ServiceView[]
  /** Sentences about what does not work as it should. */
  readonly degraded: readonly string[]
  /** Null: the node works alone. */
  readonly fleet: FleetView | null
}

async function look({ client }: Context, service: string | undefined): Promise<Result<Seen>> {
  const asked = service === undefined ? client.services() : client.service(service)
  const [services, node] = await Promise.all([asked, client.node()])
  if (!services.ok) return services
  if (!node.ok) return node
  const { degraded, fleet = null } = node.value
  return success({ services: [services.value].flat(), degraded, fleet })
}

/** Everything as a page: the services, what does not work, and the fleet. */
function pageText(
  { degraded, fleet, services }: Seen,
  { look, service, ...paper }: Paper & { look?: Look; service: string | undefined },
): string {
  // What being away from Redis means stands in the fleet's own section.
  const troubles = degraded.filter((text) => text !== fleet?.meaning)
  const notes = troubles.flatMap((text) =>
    noteLines({ text: `degraded: ${text}`, paint: 'yellow' }, paper),
  )
  const shown = { nowMs: Date.now(), service: service ?? null, times: false }
  return [
    statusText(services, look === undefined ? paper : { ...paper, look }),
    ...(notes.length === 0 ? [] : [notes.join('\n')]),
    ...(fleet === null ? [] : [fleetText(fleet, { ...paper, ...shown })]),
  ].join('\n\n')
}

/** Draws the looks one after the other. */
interface Drawing {
  /** Shows what was seen; false while the output cannot take more. */
  readonly show: (seen: Result<Seen>) => boolean
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
function onScreen({ colour }: Context, { intervalMs, service }: StatusOptions): Drawing {
  let before: readonly ServiceView[] = []
  let last = ''
  process.stdout.write(ENTER)
  return {
    show: (seen) => {
      const look = { watching: true, before }
      const paper = { colour, width: widthOf(), look, service }
      last = seen.ok ? pageText(seen.value, paper) : seen.line
      if (seen.ok) before = seen.value.services
      const stamp = `${new Date().toISOString().slice(11, 19)}  every ${intervalMs / 1000} s`
      redraw(`${stamp}\n\n${last}`)
      return true
    },
    close: () => process.stdout.write(`${LEAVE}${last}\n`),
  }
}

/** Keys beside the names of services, which hold no such character. */
const FLEET = '\0fleet'
const DEGRADED = '\0degraded'

/** A line a service, whenever it says something new; likewise for the fleet. */
function asLines({ service }: StatusOptions): Drawing {
  const last = new Map<string, string>()
  const stamped = (key: string, line: string): string => {
    if (last.get(key) === line) return ''
    last.set(key, line)
    return `${new Date().toISOString().slice(11, 19)}  ${line}\n`
  }
  const linesOf = ({ degraded, fleet, services }: Seen): readonly string[] => [
    ...services.map((one) => stamped(one.name, statusLine(one))),
    ...(fleet === null ? [] : [stamped(FLEET, fleetLine(fleet, service ?? null))]),
    ...(degraded.length === 0 && !last.has(DEGRADED)
      ? []
      : [stamped(DEGRADED, `degraded: ${degraded.join('; ') || 'no longer'}`)]),
  ]
  return {
    show: (seen) => {
      const lines = seen.ok ? linesOf(seen.value) : [stamped('', seen.line)]
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
    show: (seen) => process.stdout.write(`${seen.ok ? JSON.stringify(seen.value) : seen.line}\n`),
    close: () => {},
  }
}

function drawingOf(context: Context, options: StatusOptions): Drawing {
  if (context.output === 'json') return asJson()
  return process.stdout.isTTY ? onScreen(context, options) : asLines(options)
}

async function watch(context: Context, options: StatusOptions): Promise<number> {
  const { service, intervalMs, count } = options
  const leave = new AbortController()
  const stop = (): void => leave.abort()
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  const drawing = drawingOf(context, options)
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
  const { service } = options
  const got = await look(context, service)
  if (!got.ok) return fail(got)
  const text =
    context.output === 'json'
      ? JSON.stringify(got.value, null, 2)
      : pageText(got.value, { colour: context.colour, width: widthOf(), service })
  process.stdout.write(`${text}\n`)
  return EXIT.done
}
