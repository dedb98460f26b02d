// Loaded into a Vertex process before its own code (`--import`): on SIGUSR2 it ends one edge
// thread, each time another one, as if that thread had died by itself. Edge threads are known by
// the table that they are given. Vertex itself has no such door, and needs none.

import { isMainThread, Worker } from 'node:worker_threads'

if (isMainThread) {
  const edges: Worker[] = []
  const post = Reflect.get(Worker.prototype, 'postMessage')
  Worker.prototype.postMessage = function (message: unknown, ...rest: unknown[]): void {
    const isTable = (message as { do?: unknown } | null)?.do === 'table'
    if (isTable && !edges.includes(this)) {
      edges.push(this)
      this.once('exit', () => edges.splice(edges.indexOf(this), 1))
    }
    Reflect.apply(post, this, [message, ...rest])
  }
  // The oldest first: it goes to the end of the list when it is replaced.
  process.on('SIGUSR2', () => void edges[0]?.terminate())
}
