package fhirserver;

import java.io.IOException;
import org.apache.catalina.connector.Request;
import org.apache.catalina.connector.Response;
import org.apache.catalina.valves.ErrorReportValve;

/** Answers with an OperationOutcome where Tomcat has a page of HTML: requests that it cannot read. */
public final class OperationOutcomeValve extends ErrorReportValve {

    @Override
    protected void report(Request request, Response response, Throwable throwable) {
        int status = response.getStatus();
        if (status < 400 || response.getContentWritten() > 0 || !response.setErrorReported()) {
            return;
        }
        String hint = status == 400
                ? "The request line or a header cannot be read: percent-encode the characters of the address, "
                        + "and send what is longer than 64 kB with POST [type]/_search."
                : "The request cannot be answered: HTTP " + status + ".";
        try {
            OperationOutcomes.write(response, status, hint);
        } catch (IOException | IllegalStateException answerIsGone) {
            container.getLogger().debug("an error could not be reported", answerIsGone);
        }
    }
}
