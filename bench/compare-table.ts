// Makes the table of the comparison in README.md and the chart from results/compare.json, so that
// no figure is copied by hand: npm run bench:table.

import { readFileSync, writeFileSync } from 'node:fs'
import { chart } from './lab/compare-chart.ts'
import { readComparison } from './lab/compare-results.ts'
import { tables } from './lab/compare-table.ts'

const README = new URL('./README.md', import.meta.url)
const CHART = new URL('./results/compare.svg', import.meta.url)
const BEGIN = '<!-- comparison: npm run bench:table -->'
const END = '<!-- end of comparison -->'

function withTables(readme: string, made: string): string {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)]
  if (begin === -1 || end < begin) {
    throw new Error(`Cannot write the table as README.md has no ${BEGIN} before ${END}`)
  }
  return `${readme.slice(0, begin + BEGIN.length)}\n\n${made}\n\n${readme.slice(end)}`
}

const results = readComparison()
writeFileSync(README, withTables(readFileSync(README, 'utf8'), tables(results)))
writeFileSync(CHART, chart(results))
console.log(`README.md and compare.svg show ${results.length} scenarios`)
