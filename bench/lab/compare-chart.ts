// The chart of the comparison as an SVG text: CPU a request as a multiple of nginx's, a group of
// bars a scenario. The axis is logarithmic, since the slowest costs ten times the fastest; where
// nginx was not there, http-proxy is the one.

import type { ScenarioResult } from './compare-results.ts'

const COLOURS: Readonly<Record<string, string>> = {
  vertex: '#0b6e4f',
  nginx: '#8a8f98',
  haproxy: '#5c6470',
  caddy: '#c9a227',
  '@fastify/reply-from': '#d9822b',
  httpxy: '#c2553a',
  'http-proxy': '#8f2d3f',
}
const LEFT = 150
const WIDTH = 760
const RIGHT = 70
const BAR = 11
const GAP = 16
const TOP = 74
const LEAST = 0.5
const MOST = 16
const TICKS = [0.5, 1, 2, 4, 8, 16]

const clamp = (value: number): number => Math.min(MOST, Math.max(LEAST, value))

function xOf(ratio: number): number {
  const share = Math.log(clamp(ratio) / LEAST) / Math.log(MOST / LEAST)
  return LEFT + share * (WIDTH - LEFT - RIGHT)
}

function text(at: { x: number; y: number; anchor?: string; size?: number }, words: string): string {
  const { x, y, anchor = 'start', size = 11 } = at
  const escaped = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<text x="${x.toFixed(1)}" y="${y}" text-anchor="${anchor}" font-size="${size}">${escaped}</text>`
}

/** The bars of a scenario from `top` on. Bars grow from the left, the line of the base is at 1. */
function group(result: ScenarioResult, top: number): { marks: string[]; height: number } {
  const base = result.peers.nginx?.us.median ?? result.peers['http-proxy']?.us.median ?? Number.NaN
  const names = Object.keys(COLOURS).filter((name) => result.peers[name] !== undefined)
  const marks = [text({ x: LEFT - 8, y: top + BAR, anchor: 'end', size: 12 }, result.title)]
  for (const [at, name] of names.entries()) {
    const us = result.peers[name]?.us.median ?? Number.NaN
    const y = top + at * BAR
    const end = xOf(us / base)
    const width = (end - LEFT).toFixed(1)
    marks.push(
      `<rect x="${LEFT}" y="${y}" width="${width}" height="${BAR - 2}" fill="${COLOURS[name]}"/>`,
      text({ x: end + 4, y: y + BAR - 3, size: 9 }, `${us.toFixed(us < 100 ? 1 : 0)} µs`),
    )
  }
  return { marks, height: names.length * BAR + GAP }
}

function legend(): string[] {
  let x = 16
  return Object.entries(COLOURS).flatMap(([name, colour]) => {
    const marks = [
      `<rect x="${x.toFixed(1)}" y="34" width="10" height="10" fill="${colour}"/>`,
      text({ x: x + 14, y: 43 }, name),
    ]
    x += 30 + name.length * 6.4
    return marks
  })
}

/** Draws all scenarios that have been measured. */
export function chart(results: readonly ScenarioResult[]): string {
  const marks: string[] = []
  let top = TOP
  for (const result of results) {
    const drawn = group(result, top)
    marks.push(...drawn.marks)
    top += drawn.height
  }
  const bottom = top - GAP + 6
  const axis = TICKS.flatMap((tick) => {
    const x = xOf(tick).toFixed(1)
    const colour = tick === 1 ? '#222' : '#ddd'
    return [
      `<line x1="${x}" y1="${TOP - 8}" x2="${x}" y2="${bottom}" stroke="${colour}"/>`,
      text({ x: Number(x), y: TOP - 12, anchor: 'middle', size: 10 }, `${tick} ×`),
    ]
  })
  const title =
    'CPU a request as a multiple of nginx’s, one core, medians (logarithmic; less is better)'
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${bottom + 14}"`,
    ` font-family="system-ui, sans-serif" fill="#222">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    text({ x: 16, y: 22, size: 14 }, title),
    ...legend(),
    ...axis,
    ...marks,
    '</svg>\n',
  ].join('\n')
}
