// A thread of the calibration: it is told a row and which of its rollouts, plays them, and sends
// back what is kept of each. Which thread plays what makes no difference, as each rollout has a
// seed of its own.

import { parentPort } from 'node:worker_threads'
import { ownSetup, RIVAL_ROWS } from './calibrate-comparison.ts'
import { Dice } from './calibrate-dice.ts'
import { type Played, playRollout, type Setup } from './calibrate-play.ts'
import { playRivals, type RivalRun } from './calibrate-rivals.ts'
import { ROWS, seedOf, setupOf } from './calibrate-rows.ts'
import { SCENARIOS } from './calibrate-scenarios.ts'

export interface Job {
  /** Rollouts of ROWS; or, of RIVAL_ROWS, what Vertex or what the others do. */
  readonly kind: 'rollouts' | 'own' | 'rivals'
  readonly row: number
  readonly from: number
  readonly to: number
}

export interface Done {
  readonly job: Job
  readonly played: readonly Played[]
  readonly rivals: readonly RivalRun[]
  /** The thread's own CPU time, which does not grow with what else the machine does. */
  readonly cpuMs: number
}

/** The rollouts of a row, or Vertex's of a row of the comparison. */
function rollouts({ from, kind, row, to }: Job): readonly Played[] {
  const played: Played[] = []
  for (let i = from; i < to; i++) {
    const [setup, seed] = kind === 'own' ? own(row, i) : planned(row, i)
    played.push(playRollout(setup, new Dice(seed)))
  }
  return played
}

function planned(row: number, index: number): [Setup, number] {
  const of = ROWS[row]
  if (of === undefined) throw new Error(`no row ${row}`)
  return [setupOf(of, index), seedOf(of, index)]
}

function own(row: number, index: number): [Setup, number] {
  const of = RIVAL_ROWS[row]
  if (of === undefined) throw new Error(`no row ${row} to compare`)
  return [ownSetup(of), seedOf(of, index)]
}

function rivals({ from, row, to }: Job): readonly RivalRun[] {
  const of = RIVAL_ROWS[row]
  const traffic = of === undefined ? undefined : SCENARIOS[of.scenario]
  if (of === undefined || traffic === undefined) throw new Error(`no row ${row}`)
  const runs: RivalRun[] = []
  for (let i = from; i < to; i++) runs.push(playRivals(traffic, of.rate, new Dice(seedOf(of, i))))
  return runs
}

/** Plays what a job asks for. */
export function work(job: Job): Done {
  const began = process.threadCpuUsage()
  const played = job.kind === 'rivals' ? [] : rollouts(job)
  const others = job.kind === 'rivals' ? rivals(job) : []
  const { system, user } = process.threadCpuUsage(began)
  return { job, played, rivals: others, cpuMs: (system + user) / 1000 }
}

parentPort?.on('message', (job: Job) => parentPort?.postMessage(work(job)))
