import { SpanStatusCode, trace, type Attributes } from '@opentelemetry/api';

/** Spans for an OpenTelemetry SDK that the operator registered in this process. Without one they do nothing. */
export interface Tracing {
  /**
   * Runs something within a span; what it calls may have spans below. Hold nothing in `attributes` that a visitor
   * wrote but names of operations.
   *
   * @param run - is given how to say that it failed, with a code, though it does not throw.
   */
  span<Value>(
    name: string,
    attributes: Attributes,
    run: (fail: (code: string) => void) => Promise<Value>,
  ): Promise<Value>;
}

/** @param version - this program's version, told as that of the instrumentation. */
export function createTracing({ version }: { version: string }): Tracing {
  const tracer = trace.getTracer('madang', version);
  return {
    span: (name, attributes, run) =>
      tracer.startActiveSpan(name, { attributes }, async (span) => {
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
      }),
  };
}
