// A scenario of the wire: a script for varnishtest (`test/scenarios/wire/*.vtc`) in which clients,
// Vertex and servers speak to each other. It opens with a comment: the rule that it proves, in
// plain English, and, when the rule needs more than the defaults, a `vertex:` block of YAML with
// the settings of the Vertex that stands in the middle:
//
//   # A request whose head comes too slowly is answered with 408.
//   #
//   # vertex:
//   #   timeouts: { request_head: 300ms }
//
// In the block `${s1}` to `${s3}` are the addresses of the script's servers; in the script they are
// macros, beside `${v1_sock}`, to which clients connect when they are not told otherwise.

import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parse } from 'yaml'

const FOLDER = path.join(import.meta.dirname, '..', 'scenarios', 'wire')
/** Below the range from which the system takes the ports of outgoing connections. */
const FIRST_PORT = 21_001
export const SERVERS = ['s1', 's2', 's3'] as const

export interface Scenario {
  readonly name: string
  readonly file: string
  /** What the opening comment says, without the block of settings. */
  readonly rule: string
  /** The block of settings as text; scenarios with the same one may use the same Vertex. */
  readonly settings: string
}

/** All scenarios, those with the same settings beside each other. */
export function readScenarios(folder = FOLDER): readonly Scenario[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.vtc'))
  const scenarios = files.map((file) => readScenario(path.join(folder, file)))
  return scenarios.sort((a, b) => compare(a.settings, b.settings) || compare(a.name, b.name))
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function readScenario(file: string): Scenario {
  const lines = readFileSync(file, 'utf8').split('\n')
  const comment = lines.slice(
    0,
    lines.findIndex((line) => !line.startsWith('#')),
  )
  const text = comment.map((line) => line.replace(/^# ?/, ''))
  const at = text.findIndex((line) => line.startsWith('vertex:'))
  return {
    name: path.basename(file, '.vtc'),
    file,
    rule: (at < 0 ? text : text.slice(0, at)).join('\n').trim(),
    settings: at < 0 ? '' : text.slice(at).join('\n').trim(),
  }
}

/** The address and port of a script's server, as `ADDRESS:PORT`. */
export function serverAt(address: string, server: (typeof SERVERS)[number]): string {
  return `${address}:${FIRST_PORT + SERVERS.indexOf(server)}`
}

/**
 * The whole config of the Vertex in the middle: the defaults, one version whose only target is s1,
 * and over them what the scenario says.
 *
 * @param address the loopback address of the script's servers
 */
export function configOf(scenario: Scenario, address: string): unknown {
  const place = (_: string, name: (typeof SERVERS)[number]): string => serverAt(address, name)
  const text = scenario.settings.replace(/\$\{(s[1-3])\}/g, place)
  const own = (parse(text) as { vertex?: Record<string, unknown> } | null)?.vertex ?? {}
  return {
    listen: '127.0.0.1:0',
    admin: '127.0.0.1:0',
    threads: 1,
    versions: { stable: { targets: [`http://${serverAt(address, 's1')}`] } },
    routing: { stable: 'stable @ 100%' },
    ...own,
  }
}
