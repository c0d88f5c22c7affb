package fhirserver;

import java.util.Arrays;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The names by which clients know this server. */
final class OwnNames {

    private OwnNames() {}

    /**
     * Returns the names of the loopback and the added ones, in lower case.
     *
     * @param added further names, separated by commas
     */
    static Set<String> hosts(String added) {
        return Stream.concat(Stream.of("127.0.0.1", "[::1]", "localhost"), Arrays.stream(added.split(",")))
                .map(name -> name.strip().toLowerCase(Locale.ROOT))
                .filter(name -> !name.isEmpty())
                .collect(Collectors.toUnmodifiableSet());
    }

    /** Returns the FHIR bases under which clients reach the server: on its port, or through a proxy of that name. */
    static Set<String> bases(String added, int port) {
        return hosts(added).stream()
                .flatMap(name -> Stream.of("http://" + name + ":" + port, "http://" + name, "https://" + name))
                .map(address -> address + "/fhir")
                .collect(Collectors.toUnmodifiableSet());
    }
}
