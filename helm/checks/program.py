"""The program itself with what the chart makes for it."""

import base64
import pathlib
import secrets
import socket
import ssl
import subprocess
import tempfile
import time

import kubernetes_validate
import yaml

from .rendered import insecure
from .tally import KUBERNETES, SETS, check, flat, kinds, template, toml_of, values_of


def check_with_program(binary: str) -> None:
    """The program reads the settings of each set, with files where the mounts are; and the rehearsal's certificates work."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        rehearsal = [d for d in yaml.safe_load_all(template([values_of("simulator")]).stdout) if d]
        secret = next(d for d in kinds(rehearsal, "Secret") if d["metadata"]["name"] == "r-cpis-fhir-simulator")
        pem = {name: base64.b64decode(text) for name, text in secret["data"].items()}
        for name in SETS:
            documents = [d for d in yaml.safe_load_all(template([values_of(name)]).stdout) if d]
            read_settings(
                binary,
                name,
                toml_of(documents),
                next(d for d in kinds(documents, "ConfigMap") if "cpis-fhir.toml" in d["data"])["data"]["cpis-fhir.toml"],
                root / name,
                pem,
            )
        shake_hands(binary, root / "simulator-alone", pem)
        for what, more in (("plain", []), ("TLS", ["--set", "certificates.admin.existingSecret=admin"])):
            ask_as_helm_test(binary, what, more, root, pem)


def ask_as_helm_test(binary: str, what: str, more: list, root: pathlib.Path, pem: dict) -> None:
    """The command of `helm test` is one that the program understands. Nobody answers here, so it ends with 1 and says so."""
    made = template([values_of("single")], "--show-only", "templates/test.yaml", *more)
    pod = yaml.safe_load(made.stdout)
    container = pod["spec"]["containers"][0]
    environment = {item["name"]: f"{root}{item['value']}" for item in container.get("env", [])}
    for path in environment.values():
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path(path).write_bytes(pem["server.pem"])
    asked = subprocess.run([binary, *container["args"]], env=environment, capture_output=True, text=True, timeout=30, check=False)
    is_understood = asked.returncode == 1 and asked.stdout.startswith("NOT READY: ") and "r-cpis-fhir-admin" in asked.stdout
    check(f"the program understands the command of helm test ({what})", "" if is_understood else asked.stdout + asked.stderr)
    try:
        kubernetes_validate.validate(pod, KUBERNETES[-1], strict=True)
        check(f"the pod of helm test ({what})", insecure(pod["metadata"]["name"], pod, assigned_uid=False))
    except Exception as error:  # whatever a validator throws is a fault of the document
        check(f"the pod of helm test ({what})", getattr(error, "message", None) or repr(error))


def read_settings(binary: str, name: str, settings: dict, text: str, root: pathlib.Path, pem: dict) -> None:
    contents = {
        "cert": pem["server.pem"],
        "key": pem["server-key.pem"],
        "client_ca": pem["ca.pem"],
        "ca": pem["ca.pem"],
        "client_cert": pem["client.pem"],
        "client_key": pem["client-key.pem"],
        "store_password_file": b"password",
    }
    for key, value in flat(settings):
        path = value.removeprefix("sqlite:") if isinstance(value, str) else ""
        if path.startswith("/") and key != "server.base_path":
            file = root / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            leaf = key.rsplit(".", 1)[1]
            if leaf not in ("store", "head_file"):
                file.write_bytes(contents[leaf] if leaf in contents else secrets.token_hex(32).encode())
                file.chmod(0o400)
    for place in ("/etc/cpis-fhir", "/var/lib/cpis-fhir"):
        text = text.replace(place, f"{root}{place}")
    (root / "settings.toml").write_text(text, encoding="utf-8")
    listeners = {"CPIS_FHIR__SERVER__LISTEN": "127.0.0.1:0", "CPIS_FHIR__ADMIN__LISTEN": "127.0.0.1:0"}
    service = subprocess.Popen(
        [binary, "serve", "--config", str(root / "settings.toml")],
        env={"PATH": "/usr/bin", **listeners},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _, said = service.communicate(timeout=3)
    except subprocess.TimeoutExpired:  # it runs
        service.kill()
        _, said = service.communicate()
    # A version from before tokens and the trail says so, after it has read everything else.
    faults = [line for line in said.splitlines() if line.startswith("- ") and "this version can only run as" not in line]
    check(f"the program takes the settings of {name}", "\n".join(faults) if faults or "unknown" in said else "")


def shake_hands(binary: str, root: pathlib.Path, pem: dict) -> None:
    root.mkdir()
    for name, content in pem.items():
        (root / name).write_bytes(content)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    simulator = subprocess.Popen(
        [binary, "simulate", f"--listen=127.0.0.1:{port}", "--control=127.0.0.1:0", f"--certificates={root}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        context = ssl.create_default_context(cafile=str(root / "ca.pem"))
        context.load_cert_chain(root / "client.pem", root / "client-key.pem")
        answer = b""
        for _ in range(50):
            try:
                with (
                    socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
                    context.wrap_socket(plain, server_hostname="r-cpis-fhir-simulator") as tls,
                ):
                    tls.sendall(b"GET / HTTP/1.1\r\nHost: r-cpis-fhir-simulator\r\nConnection: close\r\n\r\n")
                    answer = tls.recv(100)
                break
            except ConnectionRefusedError:
                time.sleep(0.1)
        check(
            "the rehearsal's certificates are good for the simulator's Service",
            "" if answer.startswith(b"HTTP/1.1") else f"got {answer!r}",
        )
    except (OSError, ssl.SSLError) as error:
        check("the rehearsal's certificates are good for the simulator's Service", repr(error))
    finally:
        simulator.terminate()
        simulator.wait()
