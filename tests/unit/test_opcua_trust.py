"""Certificates of OPC UA applications: our own, and which others are trusted."""

import os
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from voxtrude.errors import SetupError
from voxtrude.opcua import identity
from voxtrude.opcua import trust as trusts
from voxtrude.opcua.identity import Identity
from voxtrude.opcua.trust import Trust, Verdict

NOW = datetime.now(UTC)
URI = "urn:voxtrude:tests"
KEY = ec.generate_private_key(ec.SECP256R1())  # quick to make: trust asks for no kind of key


def server(pki: Path, uri: str = URI, hosts: tuple[str, ...] = ("localhost",)) -> Identity:
    return identity.server(pki, uri, hosts, NOW)


def certificate(
    name: str = "client", issuer: str | None = None, *, ca: bool = False, days: int = 30
) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer or name))
        .public_key(KEY.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=60))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(KEY, hashes.SHA256())
    )


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def put(path: Path, what: x509.Certificate | x509.CertificateRevocationList) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(what.public_bytes(serialization.Encoding.DER))


def test_the_servers_certificate_says_what_the_specification_demands(tmp_path: Path) -> None:
    made = server(tmp_path, hosts=("opcua.example", "192.0.2.1", "::1"))
    names = made.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [URI]
    assert names.get_values_for_type(x509.DNSName) == ["opcua.example"]
    assert names.get_values_for_type(x509.IPAddress) == [ip_address("192.0.2.1"), ip_address("::1")]
    usage = made.certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert usage.content_commitment
    assert usage.key_encipherment
    assert usage.data_encipherment
    extended = made.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(extended) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    assert made.key.key_size == 2048
    assert made.key_path.stat().st_mode & 0o777 == 0o600
    assert made.certificate_path.read_bytes() == made.der


def test_a_certificate_stays_until_it_must_change(tmp_path: Path) -> None:
    first = server(tmp_path)
    assert server(tmp_path) == first
    soon = first.certificate.not_valid_after_utc - timedelta(days=29)
    assert identity.server(tmp_path, URI, ("localhost",), soon) != first
    second = server(tmp_path)
    assert server(tmp_path, hosts=("localhost", "other.example")) != second
    assert server(tmp_path, uri="urn:other").uri == "urn:other"


def test_a_key_of_another_certificate_is_not_used(tmp_path: Path) -> None:
    first = server(tmp_path)
    client = identity.client(tmp_path, URI, (), NOW)
    first.key_path.write_bytes(client.key_path.read_bytes())
    assert server(tmp_path).thumbprint != first.thumbprint


def test_a_name_that_is_none_is_told_with_the_setting(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="VOXTRUDE_OPCUA_NAMES"):
        server(tmp_path, hosts=("not a name",))
    with pytest.raises(SetupError, match="not ASCII"):
        server(tmp_path, uri="urn:drück")


def test_our_own_client_is_trusted(tmp_path: Path) -> None:
    ours = identity.client(tmp_path, URI, (), NOW)
    assert Trust(tmp_path).judge(ours.certificate) is Verdict.TRUSTED


def test_a_certificate_is_trusted_while_its_file_is_there(tmp_path: Path) -> None:
    trust, one = Trust(tmp_path), certificate()
    assert trust.judge(one) is Verdict.UNKNOWN
    put(tmp_path / "trusted" / "one.der", one)
    assert trust.judge(one) is Verdict.TRUSTED
    assert trust.judge(certificate()) is Verdict.UNKNOWN  # of the same name, and another one
    (tmp_path / "trusted" / "one.der").unlink()
    assert trust.judge(one) is Verdict.UNKNOWN


def test_pem_is_read_and_rubbish_is_not(tmp_path: Path) -> None:
    one, folder = certificate(), tmp_path / "trusted"
    folder.mkdir()
    (folder / "one.pem").write_bytes(one.public_bytes(serialization.Encoding.PEM))
    (folder / "broken.der").write_bytes(b"rubbish")
    (folder / "readme.txt").write_text("hello")
    trust = Trust(tmp_path)
    assert trust.judge(one) is Verdict.TRUSTED
    assert [kept.certificate for kept in trust.trusted()] == [one]


def test_a_trusted_authority_lets_in_whom_it_signed_and_has_not_revoked(tmp_path: Path) -> None:
    trust, authority = Trust(tmp_path), certificate("authority", ca=True)
    middle = certificate("middle", "authority", ca=True)
    client = certificate("client", "middle")
    put(tmp_path / "trusted" / "authority.der", authority)
    assert trust.judge(client) is Verdict.UNKNOWN
    put(tmp_path / "issuers" / "middle.der", middle)
    assert trust.judge(client) is Verdict.TRUSTED
    revoked = x509.RevokedCertificateBuilder().serial_number(client.serial_number)
    revocations = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(named("middle"))
        .last_update(NOW)
        .next_update(NOW + timedelta(days=1))
        .add_revoked_certificate(revoked.revocation_date(NOW).build())
        .sign(KEY, hashes.SHA256())
    )
    put(tmp_path / "issuers" / "middle.crl", revocations)
    assert trust.judge(client) is Verdict.REVOKED


@pytest.mark.parametrize(
    "authority",
    [certificate("authority"), certificate("authority", ca=True, days=-1)],
    ids=["no authority", "no longer valid"],
)
def test_not_everybody_is_an_authority(tmp_path: Path, authority: x509.Certificate) -> None:
    put(tmp_path / "trusted" / "authority.der", authority)
    assert Trust(tmp_path).judge(certificate("client", "authority")) is Verdict.UNKNOWN


def test_an_issuer_alone_is_not_trusted(tmp_path: Path) -> None:
    put(tmp_path / "issuers" / "authority.der", certificate("authority", ca=True))
    assert Trust(tmp_path).judge(certificate("client", "authority")) is Verdict.UNKNOWN


def test_rejected_ones_are_kept_under_readable_names_and_only_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trusts, "KEPT", 2)
    trust = Trust(tmp_path)
    for age, name in ((3, "old"), (2, "../Ua Expert@pc"), (1, "new")):
        kept = trust.reject(certificate(name))
        assert kept is not None
        os.utime(kept.path, (NOW.timestamp() - age, NOW.timestamp() - age))
    assert [one.name for one in trust.rejected()] == ["new", "../Ua Expert@pc"]
    assert trust.rejected()[1].path.name.startswith("Ua-Expert-pc-")
    assert trust.reject(trust.rejected()[1].certificate) is None  # known already
    assert trust.rejected()[0].name == "../Ua Expert@pc"  # and again the last


def test_a_rejected_one_is_trusted_by_thumbprint_file_or_as_the_last(tmp_path: Path) -> None:
    trust = Trust(tmp_path)
    first, second = certificate("first"), certificate("second")
    trust.reject(first)
    beginning = identity.thumbprint(first)[:10].lower()
    spelt = ":".join(beginning[at : at + 2] for at in range(0, 10, 2))
    assert trust.trust(spelt).certificate == first
    trust.reject(second)
    assert trust.trust(trust.last_rejected().thumbprint).certificate == second
    assert trust.rejected() == []
    put(tmp_path / "third.der", certificate("third"))
    assert trust.trust(str(tmp_path / "third.der")).name == "third"
    assert {one.name for one in trust.trusted()} == {"first", "second", "third"}
    assert trust.distrust(beginning).certificate == first
    assert trust.judge(first) is Verdict.UNKNOWN


def test_what_cannot_be_trusted_is_told(tmp_path: Path) -> None:
    trust = Trust(tmp_path)
    with pytest.raises(SetupError, match="let the client connect once"):
        trust.last_rejected()
    with pytest.raises(SetupError, match="there is no rejected certificate"):
        trust.trust("ABCDEF")
    with pytest.raises(SetupError, match="no thumbprint"):
        trust.trust("AB")
    (tmp_path / "rubbish.der").write_bytes(b"rubbish")
    with pytest.raises(SetupError, match=r"no X\.509 certificate"):
        trust.trust(str(tmp_path / "rubbish.der"))
