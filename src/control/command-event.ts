// Turns a command into an event of the rollout: completes the strategy, brings targets into their
// one form, and refuses what cannot mean anything. Whether it may be done now is the rollout's
// business.

import type { Change } from '../core/command.ts'
import type { RolloutEvent } from '../core/events.ts'
import type { Problem } from '../core/problem.ts'
import type { Strategy } from '../core/strategy.ts'
import { readTargets } from '../core/target.ts'
import { FULL_WEIGHT } from '../core/weight.ts'
import type { Keeper } from './keeper.ts'

/** Completes a strategy that came with a command; `base` is the configured one. */
export type ParseStrategy = (
  value: unknown,
  base: Strategy,
) => { readonly strategy: Strategy } | { readonly mistakes: readonly string[] }

const VERSION_NAME = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$/

export interface CommandContext {
  readonly keeper: Keeper
  readonly parseStrategy: ParseStrategy
}

type Read = { readonly event: RolloutEvent } | { readonly problem: Problem }

function unfit(code: string, title: string, detail: string): { problem: Problem } {
  return { problem: { status: 422, code, title, detail } }
}

function strategyOf(
  value: unknown,
  { keeper, parseStrategy }: CommandContext,
): { strategy: Strategy } | { problem: Problem } {
  const base = keeper.config.strategy
  if (value === undefined || value === null) return { strategy: base }
  const parsed = parseStrategy(value, base)
  if ('strategy' in parsed) return parsed
  return unfit('bad-strategy', 'Bad strategy', parsed.mistakes.join('. '))
}

function deployEvent(command: Change & { do: 'deploy' }, context: CommandContext): Read {
  const { ifMatch, version } = command
  if (!VERSION_NAME.test(version)) {
    return unfit(
      'bad-version',
      'Bad version name',
      'Cannot deploy a version as its name must be letters, digits and . _ + -, at most 128: ' +
        `current value is ${JSON.stringify(version)}`,
    )
  }
  const read = readTargets(command.targets)
  if ('problem' in read) return read
  const chosen = strategyOf(command.strategy, context)
  if ('problem' in chosen) return chosen
  const { replace } = command
  const { targets } = read
  return {
    event: { event: 'deploy', version, targets, replace, strategy: chosen.strategy, ifMatch },
  }
}

/** The event that a command is, or the problem why it is none. */
export function eventOf(command: Change, context: CommandContext): Read {
  const { ifMatch } = command
  switch (command.do) {
    case 'weight': {
      const { force, weight } = command
      if (!Number.isInteger(weight) || weight < 0 || weight > FULL_WEIGHT) {
        const rule = 'it must be from 0 to 100 % with at most two decimals'
        return unfit('bad-weight', 'Bad weight', `Cannot set the weight as ${rule}`)
      }
      const { strategy } = context.keeper.config
      return { event: { event: 'weight', weight, force, strategy, ifMatch } }
    }
    case 'deploy':
      return deployEvent(command, context)
    case 'promote':
      return { event: { event: 'promote', full: command.full, ifMatch } }
    case 'pause':
    case 'resume':
    case 'abort':
      return { event: { event: command.do, ifMatch } }
    case 'rollback':
      return { event: { event: 'rollback', force: command.force, ifMatch } }
    case 'retry':
      return { event: { event: 'retry', version: command.version, ifMatch } }
    case 'targets': {
      const read = readTargets(command.targets)
      if ('problem' in read) return read
      const { version } = command
      return { event: { event: 'targets', version, targets: read.targets, ifMatch } }
    }
  }
}
