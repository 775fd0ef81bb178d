"""What schemathesis is told about this service (loaded through SCHEMATHESIS_HOOKS)."""
import schemathesis

# Children of the simulator that are told to fail (src/simulator/built_in.toml); other numbers must never give a 5xx.
FAILING = {
    "1111111111", "2222222222", "3333333333", "4444444444", "6666666666", "7777777777", "9990000441", "9990000468", "9990000476",
    "9990000484", "9990000506", "9990000514",
}


@schemathesis.check
def no_server_error_of_its_own(ctx, response, case):
    """A 5xx is right only where the simulator was told to cause it."""
    if response.status_code >= 500:
        said = f"{case.query} {case.body} {case.path_parameters}".replace(" ", "")
        assert any(number in said for number in FAILING), f"HTTP {response.status_code} that nobody asked for"
