#!/usr/bin/env node
// The door. It is CommonJS in old JavaScript on purpose: a Node that is too old for Vertex must be
// able to read it as far as the sentence that says so. In a checkout it starts the sources, in an
// installed package what was built from them; it knows nothing else.

'use strict'

var fs = require('fs')
var nodeModule = require('module')
var path = require('path')
var url = require('url')

/** Whether Node `version`, such as `20.20.2`, is older than 24.12. */
function isTooOld(version) {
  var parts = version.split('.')
  var major = Number(parts[0])
  return major < 24 || (major === 24 && Number(parts[1]) < 12)
}

function refuse() {
  console.error(
    'Vertex needs Node 24.12 or newer, this is ' +
      process.version +
      ': run it through npm in a checkout after "npm ci" (install scripts allowed), ' +
      'which brings the right Node along, or install a newer Node.',
  )
  process.exitCode = 1
}

/**
 * Keeps what is compiled beside the modules: compiling is a fifth of a start, and with the types to
 * be taken out of the sources half of it. Threads learn of the directory through the environment.
 * Where it cannot be written nothing is kept. Whoever can write there can change the program too.
 */
function keepCompiled() {
  if (process.env.NODE_COMPILE_CACHE) return
  var directory = path.join(__dirname, '..', 'node_modules', '.cache', 'compiled')
  process.env.NODE_COMPILE_CACHE = directory
  nodeModule.enableCompileCache(directory)
}

function start() {
  var source = path.join(__dirname, '..', 'src', 'cli', 'main.ts')
  var built = path.join(__dirname, '..', 'dist', 'cli', 'main.js')
  var main = fs.existsSync(source) ? source : built
  keepCompiled()
  import(url.pathToFileURL(main).href)
    .then(function run(cli) {
      return cli.main(process.argv.slice(2))
    })
    .catch(function fail(error) {
      console.error(error)
      process.exitCode = 1
    })
}

if (isTooOld(process.versions.node)) refuse()
else start()
