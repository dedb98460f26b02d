// The list of connections that wait: like an array from which the last one is taken, and any.

import fc from 'fast-check'
import t from 'tap'
import { Idle, IdleConnections } from '../../src/edge/idle.ts'
import type { UpstreamConnection } from '../../src/edge/upstream.ts'

class One extends Idle {
  destroyed = false
  override onDeadline(): void {}
  destroy(): void {
    this.destroyed = true
  }
}
/** What the list needs of a connection. */
const one = (): UpstreamConnection => new One() as unknown as UpstreamConnection

await t.test('it holds what an array would', async (t) => {
  const step = fc.oneof(
    fc.constant({ do: 'push' as const }),
    fc.constant({ do: 'take' as const }),
    fc.record({ do: fc.constant('remove' as const), at: fc.nat(8) }),
    fc.constant({ do: 'destroy' as const }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const list = new IdleConnections()
      const model: UpstreamConnection[] = []
      const gone: UpstreamConnection[] = []
      for (const step of steps) {
        if (step.do === 'push') {
          const connection = gone.pop() ?? one()
          list.push(connection)
          model.push(connection)
        } else if (step.do === 'destroy') {
          list.destroy()
          if (model.splice(0).some((one) => !(one as unknown as One).destroyed)) return false
        } else {
          const at = step.do === 'take' ? model.length - 1 : step.at
          const [connection] = at < 0 ? [] : model.splice(at, 1)
          if (connection === undefined) continue
          list.remove(connection)
          list.remove(connection) // the second time it is in no list
          gone.push(connection)
        }
        if (list.size !== model.length) return false
        if (list.newest !== (model.at(-1) ?? null)) return false
        if (list.oldest !== (model[0] ?? null)) return false
      }
      return true
    }),
    { numRuns: 2000, seed: 2026 },
  )
  t.pass('2,000 histories')
})
