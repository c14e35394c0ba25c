"""`stations`: what the engine knows of the network."""

import typer

from api.cli.options import AdminKey, DataDir, Json

app = typer.Typer(name="stations", help="Stations, exits and gates.", no_args_is_help=True)


@app.command("list")
def list_stations(
    data_dir: DataDir = None, admin_key: AdminKey = None, as_json: Json = False
) -> None:
    """All stations, with the policy in force."""
    from api.cli.operator import open_operator
    from api.cli.output import print_json, print_table
    from api.runtime.settings import load_settings

    with open_operator(load_settings(data_dir=data_dir, admin_key=admin_key)) as operator:
        stations = operator.list_all("/v1/stations")
    if as_json:
        print_json(stations)
        return
    print_table(
        ("station", "name", "", "lines", "gates", "policy"),
        [
            (
                station["station_id"],
                station["name"]["zh"],
                station["name"]["en"],
                " ".join(station["lines"]),
                len(station["gates"]),
                _tell_policy(station),
            )
            for station in stations
        ],
    )


@app.command("show")
def show(
    station_id: str, data_dir: DataDir = None, admin_key: AdminKey = None, as_json: Json = False
) -> None:
    """One station with its gates, the policy in force and the next one."""
    from api.cli.operator import open_operator
    from api.cli.output import print_json, print_table
    from api.runtime.settings import load_settings

    with open_operator(load_settings(data_dir=data_dir, admin_key=admin_key)) as operator:
        station = operator.call("GET", f"/v1/stations/{station_id}")
    if as_json:
        print_json(station)
        return
    name = station["name"]
    print(f"{station['station_id']}  {name['zh']}  {name['en']}  {' '.join(station['lines'])}")
    print(f"policy: {_tell_policy(station) or 'none'}")
    if station["next_policy"]:
        following = station["next_policy"]
        print(f"next: version {following['version']} from {following['effective_from']}")
    print_table(
        ("gate", "exit", "directions", "designated"),
        [
            (
                gate["gate_id"],
                gate["exit_id"],
                ", ".join(gate["directions"]),
                "yes" if gate["designated"] else "no",
            )
            for gate in station["gates"]
        ],
    )


def _tell_policy(station: dict[str, dict[str, object] | None]) -> str | None:
    policy = station["policy"]
    if policy is None:
        return None
    suspended = ", suspended" if station["suspended"] else ""
    return f"version {policy['version']}, {policy['window_seconds']} s{suspended}"
