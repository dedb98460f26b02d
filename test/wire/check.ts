// Turns a run of the tables into test results: one assertion a case, one subtest a file. Cases that
// pending.ts names are told but do not fail, until the engine does what they say.
//
// VERTEX_REWRITE=1 writes what came into the tables, in the whole way only. Never believe it: read
// the difference against the rule that the heading quotes.

import { readFileSync, writeFileSync } from 'node:fs'
import type { Test } from 'tap'
import { linesOfBytes } from './notation.ts'
import { PENDING } from './pending.ts'
import { type Lane, Place } from './place.ts'
import { type Played, Player, WHOLE } from './play.ts'
import { readTables, type Result, Run, type Way } from './run.ts'
import { readWords, type WireCase } from './table.ts'

export async function checkTables(t: Test, way: Way): Promise<void> {
  const cases = readTables(process.env.WIRE_FILE)
  const place = await Place.open()
  if (process.env.VERTEX_REWRITE === '1' && way === 'whole') {
    await rewrite(place, cases)
    t.pass('the tables are written anew')
  } else {
    const fromMs = performance.now()
    const results = await new Run(place, way).play(cases)
    const tookMs = Math.round(performance.now() - fromMs)
    const runs = results.reduce((sum, result) => sum + result.runs, 0)
    t.comment(`${cases.length} cases, ${runs} runs, ${place.pacer.rounds} rounds, ${tookMs} ms`)
    const files = Map.groupBy(results, (result) => result.case.file)
    for (const [file, ofFile] of files) {
      await t.test(`${file}, ${way}`, async (t) => {
        for (const result of ofFile) checkOne(t, result)
      })
    }
    t.equal(place.strays, 0, 'nothing reached an origin that no case had asked')
  }
  await place.close()
}

function checkOne(t: Test, result: Result): void {
  const { differences } = result
  const { file, line, title } = result.case
  const pending = PENDING[`${file}: ${title}`]
  if (pending !== undefined) {
    t.comment(`${differences.length > 0 ? 'pending' : 'no longer pending'}: ${title}: ${pending}`)
    return
  }
  const at = { file, line: line + 1, differences }
  t.ok(differences.length === 0, title, differences.length === 0 ? {} : at)
}

async function playOnce(
  place: Place,
  lane: Lane,
  wireCase: WireCase,
  learns: boolean,
): Promise<Played> {
  const player = new Player(place, lane, wireCase, learns)
  const played = await player.play(WHOLE)
  await player.clear()
  await place.renew(lane)
  return played
}

/** Puts what came in the place of what was expected, in the cases that do not hold. */
async function rewrite(place: Place, cases: readonly WireCase[]): Promise<void> {
  const words = readWords()
  const [lane] = place.lanes
  for (const [file, ofFile] of Map.groupBy(cases, (wireCase) => wireCase.file)) {
    const path = new URL(file, import.meta.url)
    const lines: (string | null)[] = readFileSync(path, 'utf8').split('\n')
    const news = new Map<number, string[]>()
    for (const wireCase of ofFile) {
      if (lane === undefined) break
      await place.use(wireCase.needs)
      if ((await playOnce(place, lane, wireCase, false)).differences.length === 0) continue
      const played = await playOnce(place, lane, wireCase, true)
      note(wireCase, played)
    }
    const text = lines.flatMap((line, at) => news.get(at) ?? (line === null ? [] : [line]))
    writeFileSync(path, text.join('\n'))

    function note({ endsLine, steps }: WireCase, { came, ends }: Played): void {
      lines[endsLine] = `= ${ends}`
      for (const step of steps) {
        const bytes = step.do === 'expect' ? came.get(step.line) : undefined
        if (step.do !== 'expect' || bytes === undefined) continue
        const mark = `${step.who} <`
        for (let at = step.line; lines[at]?.startsWith(mark); at++) lines[at] = null
        const fresh = linesOfBytes(bytes, words).map((line) => `${mark} ${line}`.trimEnd())
        news.set(step.line, fresh)
      }
    }
  }
}
