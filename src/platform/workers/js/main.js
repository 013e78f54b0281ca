// The Worker's main module: every request enters here and goes on in entry.rs.
// biome-ignore lint/correctness/noUnresolvedImports: the build makes this module
import { Task, __wbg_reset_state as renew, __worker_init_state as stateOfProgram } from "cloakroom";
import { meet } from "./instance.js";
import { handlers } from "./serve.js";

// @ts-expect-error: the types of the runtime lack this event
addEventListener("error", ({ error }) => meet(error));

export default handlers({ Task, renew, state: stateOfProgram() });
