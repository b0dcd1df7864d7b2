/** What the broker has been asked and how often it failed, for status and metrics. Plain numbers, never reset. */
export class RequestCounts {
  requests = 0;
  /** Requests that a handler failed in a way nobody foresaw: each has an error line in the log. */
  unforeseenErrors = 0;
  /** Connections closed because what came was not a request that we serve. */
  brokenRequests = 0;
  connectionsAccepted = 0;
  connectionsRefused = 0;
}
