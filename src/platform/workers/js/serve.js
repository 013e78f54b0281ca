// Where every request enters the program.

import { Driver, dropIdleDrivers, idleDriver } from "./drive.js";
import { ensureInstance, replaceBy, restart } from "./instance.js";

/**
 * Returns the Worker's handlers.
 *
 * @param {object} program
 * @param {typeof import("cloakroom").Task} program.Task
 * @param {() => void} program.renew makes a new instance, in which all of the program's functions run from then on
 * @param {{criticalError: boolean}} program.state `criticalError` is true after a panic, wherever it happened
 */
export function handlers({ Task, renew, state }) {
  replaceBy(() => {
    dropIdleDrivers();
    renew();
    state.criticalError = false;
  });

  return {
    /**
     * @param {Request} request
     * @param {unknown} env
     * @param {ExecutionContext} context
     * @returns {Promise<Response>}
     */
    fetch(request, env, context) {
      // This trap caused no restart yet, because it happened in a destructor that the garbage collector called.
      if (state.criticalError) restart();
      ensureInstance();
      let driver;
      try {
        driver = idleDriver() ?? new Driver(new Task());
        driver.task.serve(request, env, context);
      } catch (error) {
        restart(error);
        throw error;
      }
      return driver.run();
    },
  };
}
