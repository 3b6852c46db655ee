"use strict";

const oldestMajor = 24;

/** Runs a program's bundle in this process, or says in one sentence why this Node cannot: even an old one reads this file. */
exports.launch = function launch(program) {
  const version = process.versions.node;
  if (Number(version.split(".")[0]) < oldestMajor) {
    console.error(`${program} needs Node.js ${oldestMajor} or later; ${process.execPath} is ${version}`);
    process.exit(1);
  }
  // Until the program listens itself, a signal to read configurations anew would have Node open a debugger's port to all of
  // this machine.
  process.on("SIGUSR1", () => {});
  // Signatures are verified in this pool, which is made at its first use: nothing before this line may use it.
  if (process.env.UV_THREADPOOL_SIZE === undefined)
    process.env.UV_THREADPOOL_SIZE = String(require("node:os").availableParallelism());
  import(`../dist/${program}.mjs`);
};
