// Ordinary packets. On loopback a packet is 64 KiB, and the kernel takes megabytes from a sender
// before the receiver has read anything: a thousand slow readers would fill the kernel's memory for
// TCP, and slow the whole machine, while the proxy never has to hold anything back. So a
// measurement of slow readers runs in a network namespace of its own, whose loopback has packets of
// 1500 bytes, as wires have. The machine's own network stays as it is.

import { spawnSync } from 'node:child_process'
import { isInstalled } from './rivals.ts'

const MTU = 1500
const INSIDE = 'VERTEX_LAB_NETWORK'

/**
 * Starts this script again in a network of its own and ends with its exit code. Returns only where
 * there is none: false when it cannot be made (not Linux, or not allowed), true when this already
 * is the script inside. `more` are arguments beside those that process.argv still has.
 */
export function enterOwnNetwork(more: readonly string[]): boolean {
  if (process.env[INSIDE] === '1') return true
  // Without the right to do so, a namespace of users gives the right within itself.
  const ways = [['-n'], ['-r', '-n']]
  const way = ways.find((flags) => canMake(flags))
  if (way === undefined) return false
  const script = `ip link set lo mtu ${MTU} up && exec "$@"`
  const own = [process.execPath, ...process.execArgv, ...process.argv.slice(1), ...more]
  const { status } = spawnSync('unshare', [...way, 'sh', '-c', script, 'sh', ...own], {
    stdio: 'inherit',
    env: { ...process.env, [INSIDE]: '1' },
  })
  process.exit(status ?? 1)
}

function canMake(flags: readonly string[]): boolean {
  if (!isInstalled('unshare') || !isInstalled('ip')) return false
  const test = [...flags, 'ip', 'link', 'set', 'lo', 'mtu', String(MTU), 'up']
  return spawnSync('unshare', test, { stdio: 'ignore' }).status === 0
}
