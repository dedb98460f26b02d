// Of an affinity bucket one error counts in the whole fleet, however many nodes have seen it.

import fc from 'fast-check'
import t from 'tap'
import { BUCKET_WORDS, bucketBit, bucketWord } from '../../src/core/bucket-errors.ts'
import { type ArmCounts, NO_COUNTS } from '../../src/core/facts.ts'
import { type BucketMaps, Witnesses } from '../../src/core/witnesses.ts'

const WEIGHT = 5000

/** A node: what it has seen of buckets, and what of it was not told yet. */
class Node {
  readonly name: string
  readonly maps: BucketMaps = {
    errors: new Int32Array(BUCKET_WORDS),
    exceedances: new Int32Array(BUCKET_WORDS),
  }
  added = { candidate: NO_COUNTS, stable: NO_COUNTS }

  constructor(name: string) {
    this.name = name
  }

  /** An error of a bucket, as an edge thread counts it. */
  fails(bucket: number): void {
    const bit = bucketBit(bucket)
    const before = this.maps.errors[bucketWord(bucket)] ?? 0
    this.maps.errors[bucketWord(bucket)] = before | bit
    this.#add(bucket, { bad: 1, repeatedBad: (before & bit) === 0 ? 0 : 1 })
  }

  isSlow(bucket: number): void {
    const bit = bucketBit(bucket)
    const before = this.maps.exceedances[bucketWord(bucket)] ?? 0
    this.maps.exceedances[bucketWord(bucket)] = before | bit
    if ((before & bit) === 0) this.#add(bucket, { exceeded: 1 })
  }

  #add(bucket: number, more: Partial<ArmCounts>): void {
    const arm = bucket < WEIGHT ? 'candidate' : 'stable'
    const counts: Record<string, number> = { ...this.added[arm] }
    for (const [field, times] of Object.entries(more)) counts[field] = (counts[field] ?? 0) + times
    this.added = { ...this.added, [arm]: counts }
  }

  tells(witnesses: Witnesses) {
    const { added, maps, name: node } = this
    this.added = { candidate: NO_COUNTS, stable: NO_COUNTS }
    const { candidate, stable } = witnesses.take({ node, maps, added, weight: WEIGHT })
    const of = ({ bad, exceeded, repeatedBad = 0 }: ArmCounts) => ({
      bad,
      witnesses: bad - repeatedBad,
      exceeded,
    })
    return { candidate: of(candidate), stable: of(stable) }
  }
}

await t.test('a customer who fails at three nodes is one witness', (t) => {
  const witnesses = new Witnesses()
  const [a, b, c] = ['a', 'b', 'c'].map((name) => new Node(name)) as [Node, Node, Node]
  for (const node of [a, b, c]) node.tells(witnesses)
  a.fails(42)
  t.match(a.tells(witnesses), { candidate: { bad: 1, witnesses: 1 } })
  b.fails(42)
  t.match(b.tells(witnesses), { candidate: { bad: 1, witnesses: 0 } })
  b.fails(42)
  t.match(b.tells(witnesses), { candidate: { bad: 1, witnesses: 0 } })
  c.fails(42)
  c.fails(43)
  c.fails(9000)
  t.match(c.tells(witnesses), { candidate: { bad: 2, witnesses: 1 }, stable: { witnesses: 1 } })
  a.isSlow(42)
  b.isSlow(42)
  t.match(a.tells(witnesses), { candidate: { exceeded: 1 } })
  t.match(b.tells(witnesses), { candidate: { exceeded: 0 } })
  t.end()
})

await t.test('a bit may come before its count', (t) => {
  const witnesses = new Witnesses()
  const [a, b] = [new Node('a'), new Node('b')]
  for (const node of [a, b]) node.tells(witnesses)
  a.fails(7)
  a.tells(witnesses)
  b.fails(7)
  const { added } = b
  b.added = { candidate: NO_COUNTS, stable: NO_COUNTS }
  t.match(b.tells(witnesses), { candidate: { bad: 0, witnesses: 0 } })
  b.added = added
  t.match(b.tells(witnesses), { candidate: { bad: 1, witnesses: 0 } })
  t.end()
})

await t.test('a bit may come before its count also in the first word of a node', (t) => {
  const witnesses = new Witnesses()
  const [a, b] = [new Node('a'), new Node('b')]
  witnesses.silent('b')
  a.fails(7)
  a.tells(witnesses)
  b.fails(7)
  const { added } = b
  b.added = { candidate: NO_COUNTS, stable: NO_COUNTS }
  t.match(b.tells(witnesses), { candidate: { bad: 0, witnesses: 0 } })
  b.added = added
  t.match(b.tells(witnesses), { candidate: { bad: 1, witnesses: 0 } })
  t.end()
})

await t.test('a new judge takes nothing for repeated that it was not told', (t) => {
  const before = new Witnesses()
  const [a, b] = [new Node('a'), new Node('b')]
  for (const bucket of [1, 2, 3]) {
    a.fails(bucket)
    b.fails(bucket)
  }
  a.tells(before)
  b.tells(before)
  const after = new Witnesses()
  a.tells(after)
  b.tells(after)
  b.fails(4)
  t.match(b.tells(after), { candidate: { bad: 1, witnesses: 1 } })
  t.end()
})

await t.test('all nodes together have as many witnesses as there are buckets', (t) => {
  const acts = fc.array(
    fc.record({
      node: fc.nat(2),
      bucket: fc.oneof(fc.nat(9999), fc.constantFrom(0, 31, 32, 4999, 5000, 9999)),
      tells: fc.boolean(),
      kind: fc.constantFrom('fails', 'isSlow'),
    }),
    { maxLength: 200 },
  )
  fc.assert(
    fc.property(acts, (acted) => {
      const witnesses = new Witnesses()
      const nodes = ['a', 'b', 'c'].map((name) => new Node(name))
      for (const node of nodes) node.tells(witnesses)
      const sums = { bad: 0, witnesses: 0, exceeded: 0 }
      const tell = (node: Node): void => {
        const told = node.tells(witnesses)
        for (const arm of [told.candidate, told.stable]) {
          for (const name of ['bad', 'witnesses', 'exceeded'] as const) sums[name] += arm[name]
        }
      }
      const seen = { fails: new Set<number>(), isSlow: new Set<number>() }
      for (const { bucket, kind, node, tells } of acted) {
        const one = nodes[node]
        if (one === undefined) continue
        one[kind as 'fails' | 'isSlow'](bucket)
        seen[kind as 'fails' | 'isSlow'].add(bucket)
        if (tells) tell(one)
      }
      for (const node of nodes) tell(node)
      const failures = acted.filter(({ kind }) => kind === 'fails').length
      t.strictSame(sums, {
        bad: failures,
        witnesses: seen.fails.size,
        exceeded: seen.isSlow.size,
      })
    }),
  )
  t.end()
})
