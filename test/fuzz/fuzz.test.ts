// A short piece of `npm run fuzz` with a fixed seed, and proof that it can see what it looks for:
// a message that is treated wrongly is found and made small.

import t from 'tap'
import { branchesOf } from './branches.ts'
import { caseOf } from './case.ts'
import { safely } from './check.ts'
import { fuzz } from './loop.ts'
import { quoted } from './shrink.ts'

const PART = { seed: 2026, from: 0, ms: 4000, coverage: false }

await t.test('6,000 messages: no disagreement with the parser of Node', async (t) => {
  const present = new Int32Array(1)
  const report = await fuzz({ ...PART, messages: 6000, byteByByte: false, present })
  t.same(report.found, [])
  const { accepted, messages } = report
  t.ok(
    accepted > messages / 4 && accepted < messages / 2 && messages > 1000,
    `${accepted} of ${messages}`,
  )
})

await t.test('500 messages, byte by byte too', async (t) => {
  const present = new Int32Array(1)
  const report = await fuzz({ ...PART, from: 6000, messages: 500, byteByByte: true, present })
  t.same(report.found, [])
  t.equal(present[0], 6499, 'whoever watches can see how far it is')
})

await t.test('a seed and a number are a message, whatever came before', async (t) => {
  t.same(caseOf(7, 1234), caseOf(7, 1234))
  t.not(caseOf(7, 1234).text, caseOf(7, 1235).text)
  t.not(caseOf(7, 1234).text, caseOf(8, 1234).text)
})

await t.test('a writer that tells a lie is found out', async (t) => {
  const made = caseOf(2026, 0)
  let lies = 0
  for (let index = 0; index < 200; index++) {
    const other = caseOf(2026, index)
    // Reading the message under another peer than the one it was written for is a lie about it.
    if (other.kind !== 'request' || other.peer.address !== '192.0.2.7') continue
    const peer = { ...other.peer, address: '192.0.2.8' }
    if (safely({ ...other, peer }, { byteByByte: false }) !== null) lies++
  }
  t.ok(lies > 10, `${lies} were seen`)
  t.equal(quoted("a'\\\r\n\t\0\xff"), "'a\\'\\\\\\r\\n\\t\\x00\\xff'")
  t.ok(made.text.length > 0)
})

await t.test('the ways through the branches of a file', async (t) => {
  const ways = branchesOf(
    `function f(a?: number, b = '?') { // a ? b : c
  if (a && b) return \`\${a ? 1 : 2} ?\`
  while (a < 3 && /[/?]/.test(b)) a++
  switch (a) { case 1: return 2; default: return a ?? 0 }
}`,
  ).map(({ line, way }) => `${line} ${way}`.trim())
  t.same(ways, [
    ...['2 if taken', '2 if not taken', '2 && goes on', '2 && stops', '2 ? true', '2 ? false'],
    ...['3 while taken', '3 && goes on', '3 && stops', '4 case', '4 default'],
    ...['4 ?? goes on', '4 ?? stops'],
  ])
})
