// `vertex validate`: says about a config file what a start would say, without starting anything.

import { formatMistake } from '../config/mistake.ts'
import type { Address, Config, FleetConfig, ServiceConfig } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { addressText } from '../core/address.ts'
import { percentFromWeight } from '../core/weight.ts'
import { EXIT } from './exit.ts'

export interface ValidateOptions {
  readonly config: string
  /** As JSON all of it goes to standard output: `{ valid, mistakes, warnings }`. */
  readonly output: 'table' | 'json'
}

/** Exit codes of this verb: 0 the file can be started from, 3 it cannot. */
export async function validate(options: ValidateOptions): Promise<number> {
  const loaded = loadConfig({ file: options.config, env: process.env })
  if (options.output === 'json') {
    const { mistakes, warnings } = { mistakes: [], warnings: [], ...loaded }
    const valid = !('mistakes' in loaded)
    process.stdout.write(`${JSON.stringify({ valid, mistakes, warnings }, null, 2)}\n`)
    return valid ? EXIT.done : EXIT.invalidConfig
  }
  if ('mistakes' in loaded) {
    const lines = loaded.mistakes.map(formatMistake)
    process.stderr.write(`${lines.join('\n')}\n`)
    return EXIT.invalidConfig
  }
  for (const warning of loaded.warnings) process.stderr.write(`warning: ${warning}\n`)
  process.stdout.write(`${summaryOf(loaded.config, options.config)}\n`)
  return EXIT.done
}

function summaryOf(config: Config, file: string): string {
  const { listen, admin, fleet, scenarios, services, threads } = config
  const names = scenarios.map(({ name }) => name).join(', ')
  return [
    `${file} is valid`,
    `  listen ${addressText(listen)}, admin ${addressText(admin)}, threads ${threads}`,
    ...(fleet === null ? [] : [`  fleet: node ${fleet.node}, ${redisOf(fleet)}`]),
    ...services.map(lineOf),
    ...(names === '' ? [] : [`  scenarios ${names}`]),
  ].join('\n')
}

/** Where a fleet's Redis is; who logs in there, and how, is nobody's business. */
function redisOf({ redis }: FleetConfig): string {
  const each = (places: readonly Address[]): string => places.map(addressText).join(', ')
  const secured = redis.tls === null ? '' : ' with TLS'
  switch (redis.kind) {
    case 'single':
      return `Redis at ${each([redis])}, database ${redis.db}${secured}`
    case 'sentinel':
      return `Redis ${redis.name} by sentinels at ${each(redis.sentinels)}${secured}`
    case 'cluster':
      return `Redis Cluster at ${each(redis.nodes)}${secured}`
  }
}

function lineOf(service: ServiceConfig): string {
  const { stable, candidate, weight } = service.routing
  const steps = service.strategy.steps.map((step) => `${percentFromWeight(step.weight)}%`)
  const rest = candidate === null ? '' : `, candidate ${candidate} @ ${percentFromWeight(weight)}%`
  return `  ${service.name}: stable ${stable ?? 'none'}${rest}, steps ${steps.join(' ')}`
}
