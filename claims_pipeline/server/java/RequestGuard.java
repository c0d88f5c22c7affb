package fhirserver;

import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.net.URI;
import java.util.Locale;
import java.util.Set;
import org.springframework.web.filter.OncePerRequestFilter;

/**
 * Refuses requests that a web page elsewhere makes the browser of this machine's user send.
 *
 * <p>A page can point its own name at 127.0.0.1 (DNS rebinding) and then read what the server answers: the server
 * therefore answers only to names that are its own. A page can also post a form or a text without asking for leave:
 * what changes something must therefore not name another origin. Programs send no Origin and are not concerned.
 */
final class RequestGuard extends OncePerRequestFilter {

    private static final Set<String> SAFE_METHODS = Set.of("GET", "HEAD", "OPTIONS");

    private final Set<String> hosts;

    /**
     * @param added names beside this machine's own to which the server answers, separated by commas
     */
    RequestGuard(String added) {
        hosts = OwnNames.hosts(added);
    }

    @Override
    protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
            throws ServletException, IOException {
        if (!hosts.contains(request.getServerName().toLowerCase(Locale.ROOT))) {
            OperationOutcomes.write(response, 421, "The server does not answer to the name in the header Host. "
                    + "Ask for 127.0.0.1 or localhost, or add the name to CLAIMS_FHIR_HOSTS and start it again.");
        } else if (!SAFE_METHODS.contains(request.getMethod()) && isFromElsewhere(request)) {
            OperationOutcomes.write(response, 403, "A web page of another origin may not change what is stored here.");
        } else {
            chain.doFilter(request, response);
        }
    }

    /** Browsers name the origin of each request that is not a plain read, "null" if the page hides it. */
    private static boolean isFromElsewhere(HttpServletRequest request) {
        String origin = request.getHeader("Origin");
        if (origin == null) {
            return false;
        }
        try {
            String authority = URI.create(origin).getRawAuthority();
            return authority == null || !authority.equalsIgnoreCase(request.getHeader("Host"));
        } catch (IllegalArgumentException notAnAddress) {
            return true;
        }
    }
}
