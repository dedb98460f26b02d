// Run by exhausted.test.ts with few file descriptors: uses them all up, asks for an answer that
// needs a new connection to the candidate, and tells what came of it.

import { closeSync, openSync } from 'node:fs'
import { answering } from './harness.ts'
import { startLab } from './lab.ts'
import { get } from './wire.ts'

const lab = await startLab()
const origin = await lab.origin(answering('ok'))
await lab.serve({ stable: [origin.port], candidate: [origin.port], weight: 10_000 })
const client = await lab.client()
// It has been accepted, and nothing has gone to the candidate yet.
await client.ask(get('/__ready'))
const held: number[] = []
try {
  for (;;) held.push(openSync('/dev/null', 'r'))
} catch {
  // There are no more.
}
const answer = await client.ask(get())
for (const descriptor of held) closeSync(descriptor)
const after = await client.ask(get())
const { candidate, stable } = await lab.counts()
const { status } = answer
console.log(
  JSON.stringify({
    status,
    error: answer.field('x-vertex-error'),
    after: after.status,
    candidate,
    stable,
  }),
)
await lab.close()
