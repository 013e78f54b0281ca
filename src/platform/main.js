// The Worker's main module: every request enters here and goes on in entry.rs.
import { Task, __wbg_reset_state as restart } from "cloakroom";
import { drive, idleTasks } from "cloakroom/glue.js";

// After a trap the state of the program may be anything. The next request gets a new one.
let trapped = false;
addEventListener("error", ({ error }) => {
  trapped ||= error instanceof WebAssembly.RuntimeError;
});

export default {
  fetch(request, env, context) {
    if (trapped) {
      restart();
      idleTasks.length = 0; // they belong to the old one
      trapped = false;
    }
    const task = idleTasks.pop() ?? new Task();
    task.serve(request, env, context);
    return drive(task);
  },
};
