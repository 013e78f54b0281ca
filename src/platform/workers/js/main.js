// The Worker's main module: every request enters here and goes on in entry.rs.
import { Task, __wbg_reset_state as restart, __worker_init_state as stateOfProgram } from "cloakroom";
import { drive, idleTasks } from "./drive.js";

// After a trap the state of the program may be anything: the next request gets a new one. A panic says so itself, wherever it
// happens; other traps, as that of a memory that is full, are reported by who meets them.
const program = stateOfProgram();
let trapped = false;
const note = (error) => {
  trapped ||= error instanceof WebAssembly.RuntimeError;
};
addEventListener("error", ({ error }) => note(error));

function restartIfTrapped() {
  if (!trapped && !program.criticalError) return;
  console.warn('{"event":"program_restarted"}');
  restart();
  idleTasks.length = 0; // they belong to the old one
  trapped = false;
  program.criticalError = false;
}

export default {
  fetch(request, env, context) {
    restartIfTrapped();
    try {
      const task = idleTasks.pop() ?? new Task();
      task.serve(request, env, context);
      return drive(task);
    } catch (error) {
      note(error);
      throw error;
    }
  },
};
