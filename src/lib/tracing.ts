import {
  isSpanContextValid,
  type Link,
  ProxyTracerProvider,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Attributes,
} from '@opentelemetry/api';

/** Spans for an OpenTelemetry SDK that the operator registered in this process. Without one they do nothing. */
export interface Tracing {
  /**
   * Runs something within a span; what it calls may have spans below. Hold nothing in `attributes` that a visitor
   * wrote but names of operations.
   *
   * @param run - is given how to say that it failed, with a code, though it does not throw.
   * @param causes - asked for the spans, as `current` gave them, that this one is linked to.
   */
  span<Value>(
    name: string,
    attributes: Attributes,
    run: (fail: (code: string) => void) => Promise<Value>,
    causes?: () => readonly string[],
  ): Promise<Value>;
  /** Runs something within a span that begins a trace of its own and is linked to `cause`, which another process may have told. */
  caused(name: string, cause: string, run: () => void): void;
  /** The span that is under way here, as a W3C `traceparent`; null without one that is recorded. */
  current(): string | null;
}

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
const HEXADECIMAL = 16;

/** Links to the spans that these are; what is no `traceparent` of version 00 is none. */
function linksTo(causes: readonly string[]): Link[] {
  return causes.flatMap((cause) => {
    const [, traceId = '', spanId = '', flags = ''] = TRACEPARENT.exec(cause) ?? [];
    const context = { traceId, spanId, traceFlags: Number.parseInt(flags, HEXADECIMAL), isRemote: true };
    return isSpanContextValid(context) ? [{ context }] : [];
  });
}

const nothing = (): void => undefined;
const none = (): readonly string[] => [];

/** @param version - this program's version, told as that of the instrumentation. */
export function createTracing({ version }: { version: string }): Tracing {
  const tracer = trace.getTracer('madang', version);

  /** Whether there is an SDK. Spans that nobody sees are not made: they would cost more than what they are about. */
  function isTraced(): boolean {
    const provider = trace.getTracerProvider();
    return !(provider instanceof ProxyTracerProvider) || provider.getDelegateTracer('madang') !== undefined;
  }

  return {
    span(name, attributes, run, causes = none) {
      if (!isTraced()) return run(nothing);
      return tracer.startActiveSpan(name, { attributes, links: linksTo(causes()) }, async (span) => {
        const fail = (code: string): void => {
          span.setAttribute('error.type', code);
          span.setStatus({ code: SpanStatusCode.ERROR });
        };
        try {
          return await run(fail);
        } catch (error) {
          fail(error instanceof Error ? error.name : 'unknown');
          throw error;
        } finally {
          span.end();
        }
      });
    },
    caused: (name, cause, run) =>
      tracer.startActiveSpan(name, { root: true, links: linksTo([cause]) }, (span) => {
        try {
          run();
        } finally {
          span.end();
        }
      }),
    current() {
      if (!isTraced()) return null;
      const context = trace.getActiveSpan()?.spanContext();
      if (context === undefined || !isSpanContextValid(context)) return null;
      if ((context.traceFlags & TraceFlags.SAMPLED) === 0) return null;
      return `00-${context.traceId}-${context.spanId}-01`;
    },
  };
}
