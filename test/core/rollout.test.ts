// Transcripts of rollouts, in test/scenarios/rollout. Each is played from its first line to its
// last; what comes out must be what is written. VERTEX_REWRITE=1 writes it anew: read the
// difference then.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { type Block, parseTranscript, Player, writeTranscript } from './transcript.ts'

const FOLDER = new URL('../scenarios/rollout/', import.meta.url)
const isRewriting = process.env.VERTEX_REWRITE === '1'

for (const name of readdirSync(FOLDER).filter((file) => file.endsWith('.txt'))) {
  await t.test(name.replace('.txt', '').replaceAll('-', ' '), async (t) => {
    const blocks = parseTranscript(readFileSync(new URL(name, FOLDER), 'utf8'))
    const player = new Player()
    const played: Block[] = []
    for (const block of blocks) {
      if (block.event === '') {
        played.push(block)
        continue
      }
      const expected = player.play(block.event)
      played.push({ ...block, expected })
      if (!isRewriting) t.equal(expected, block.expected, block.event)
    }
    if (isRewriting) writeFileSync(new URL(name, FOLDER), writeTranscript(played))
    t.ok(played.length > 0)
  })
}
