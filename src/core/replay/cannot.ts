// What a journal cannot tell about another strategy. It holds what was counted under the rollout's
// own: at its weights, against its latency limit, after its warm-ups. Questions beyond that get a
// sentence instead of a guess.

import type { Strategy } from '../strategy.ts'
import { percent, seconds } from '../verdict/words.ts'
import { percentFromWeight } from '../weight.ts'

function weightsOf({ steps }: Strategy): string {
  return steps.map(({ weight }) => `${percentFromWeight(weight)} %`).join(', ')
}

/** One sentence for each part of `asked` that the journal of `was` cannot answer. */
export function cannotReplay(was: Strategy, asked: Strategy): readonly string[] {
  const sentences: string[] = []
  const { trigger } = asked
  if (trigger.p99LatencyIncrease !== was.trigger.p99LatencyIncrease) {
    sentences.push(
      `Cannot replay p99_latency_increase ${percent(trigger.p99LatencyIncrease)} as slow requests ` +
        `were counted against the limit of ${percent(was.trigger.p99LatencyIncrease)}: latency is ` +
        'left out, and with it when steps would have ended',
    )
  }
  if (weightsOf(asked) !== weightsOf(was)) {
    sentences.push(
      `Cannot replay the steps ${weightsOf(asked)} as the rollout had ${weightsOf(was)}: ` +
        'its own weights are judged',
    )
  }
  if (asked.warmUpMs !== was.warmUpMs || asked.warmUpRequests !== was.warmUpRequests) {
    sentences.push(
      `Cannot replay a warm_up of ${seconds(asked.warmUpMs)} as latency was measured after one of ` +
        `${seconds(was.warmUpMs)}: the rollout's own is used`,
    )
  }
  if (trigger.mode === 'threshold' && was.trigger.mode !== 'threshold') {
    sentences.push(
      'Cannot replay p99 in mode threshold as the journal holds no latencies: errors alone are judged',
    )
  }
  return sentences
}
