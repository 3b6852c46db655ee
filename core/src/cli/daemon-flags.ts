import { text, toggle } from "./flag.ts";

/** What both daemons' `run` and `validate` take besides their own flags. */
export const daemonFlags = {
  expandEnv: toggle(
    "Put environment variables in the place of their names, written with a dollar, in the file",
  ),
  logFile: text("The file to log to, instead of standard output"),
  logFormat: text("text or json"),
  logLevel: text("debug, info, warn or error"),
  logSourceLocation: toggle("Accepted, and ignored"),
  trustDomain: text("The trust domain"),
};

/** What both daemons' `validate` takes besides. */
export const validateFlags = {
  skipSecrets: toggle("Do not look for the secrets that plugins are given by reference"),
};
