package fhirserver;

import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** Answers of the servlet container, in the form in which FHIR answers. */
final class OperationOutcomes {

    private OperationOutcomes() {}

    /**
     * Answers with an OperationOutcome.
     *
     * @param diagnostics our own words: nothing of the request, which need not be valid JSON
     */
    static void write(HttpServletResponse response, int status, String diagnostics) throws IOException {
        response.setStatus(status);
        response.setContentType("application/fhir+json;charset=UTF-8");
        String outcome = "{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":\"error\",\"code\":\"%s\","
                + "\"diagnostics\":\"%s\"}]}";
        String code = status >= 500 ? "exception" : status == 403 || status == 421 ? "security" : "invalid";
        response.getOutputStream().write(outcome.formatted(code, diagnostics).getBytes(StandardCharsets.UTF_8));
        response.flushBuffer();
    }
}
