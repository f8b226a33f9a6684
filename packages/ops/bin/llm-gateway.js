#!/usr/bin/env node
// A file of its own: npm can link it before the package is built, and each Node reads it, however old.
const [major, minor] = process.versions.node.split('.').map(Number)
if (major > 22 || (major === 22 && minor >= 3)) await import('../dist/main.js')
else {
  process.stderr.write(
    `llm-gateway needs Node 22.3 or later, and this is Node ${process.versions.node} (${process.execPath}).\nInstall a newer one: https://nodejs.org/en/download\n`,
  )
  process.exitCode = 2
}
