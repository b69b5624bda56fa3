# SPDX-License-Identifier: Apache-2.0
"""Each sslmode with good and bad certificates and names."""

import os
import shutil

from database.case import DatabaseCase
from support.cluster import Cluster, give_to_server_user, make_authority, run_program

FILES = {"1_a.up.sql": "CREATE TABLE IF NOT EXISTS a ();"}
UNTRUSTED = "SSL error: certificate verify failed"
OTHER_NAME = 'does not match host name "db.example"'
NO_FILE = 'root certificate file "/nowhere.crt" does not exist'

# sslmode, whose certificate is trusted, whether the name is right: what is said; None: it works.
TABLE = (
    ("disable", None, True, None),
    ("disable", "other", False, None),
    ("allow", None, True, None),
    ("prefer", None, False, None),
    ("require", None, True, None),
    ("require", None, False, None),
    ("require", "good", False, None),
    ("require", "other", True, UNTRUSTED),
    ("verify-ca", "good", True, None),
    ("verify-ca", "good", False, None),
    ("verify-ca", "other", True, UNTRUSTED),
    ("verify-ca", "none", True, NO_FILE),
    ("verify-full", "good", True, None),
    ("verify-full", "good", False, OTHER_NAME),
    ("verify-full", "other", True, UNTRUSTED),
    ("verify-full", "other", False, UNTRUSTED),
    ("verify-full", "none", True, NO_FILE),
    ("verify-full", "system", True, UNTRUSTED),
)


class Tls(DatabaseCase):
    """A server of its own, whose certificate is changed."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = Cluster.start()
        cls.addClassCleanup(cls.server.stop)

    @property
    def cluster(self):
        return self.server

    def try_once(self, sslmode, trusted, is_name_right, **parameters):
        files = {"good": self.cluster.ca_file, "other": self.cluster.other_ca_file,
                 "none": "/nowhere.crt", "system": "system"}
        if trusted is not None:
            parameters["sslrootcert"] = files[trusted]
        if not is_name_right:
            parameters["hostaddr"] = "127.0.0.1"
        return self.up(FILES, "--wait-timeout", "0", database=self.cluster.url(
            self.dbname, host="localhost" if is_name_right else "db.example", sslmode=sslmode,
            **parameters))

    def test_each_mode_with_each_certificate(self):
        for sslmode, trusted, is_name_right, words in TABLE:
            with self.subTest(sslmode=sslmode, trusted=trusted, is_name_right=is_name_right):
                result = self.try_once(sslmode, trusted, is_name_right)
                if words is None:
                    self.assert_good(result)
                else:
                    self.assertEqual(1, result.status)
                    self.assertIn(words, result.stdout)
                    self.assertIn("                   hint: ", result.stdout)
                    self.assertIn("; a retry will not help", result.stdout)

    def test_without_a_name_the_certificate_is_where_libpq_looks(self):
        """The service's file, then the home."""
        home = self.folder()
        service = self.folder({"s": f"[s]\nsslrootcert={self.cluster.ca_file}\n"})
        for name, certificate, env, words in (
            ("none", None, {}, f'root certificate file "{home}/.postgresql/root.crt" does not exist'),
            ("home", self.cluster.ca_file, {}, None),
            ("another in the home", self.cluster.other_ca_file, {}, UNTRUSTED),
            ("service", self.cluster.other_ca_file,
             {"PGSERVICE": "s", "PGSERVICEFILE": f"{service}/s"}, None),
        ):
            with self.subTest(name):
                if certificate is not None:
                    os.makedirs(f"{home}/.postgresql", exist_ok=True)
                    shutil.copy(certificate, f"{home}/.postgresql/root.crt")
                result = self.up(FILES, "--wait-timeout", "0", env={"HOME": home, **env},
                                 database=self.cluster.url(self.dbname, sslmode="verify-ca"))
                self.assertEqual(0 if words is None else 1, result.status, result.stdout)
                self.assertIn(words or "", result.stdout)

    def sign(self, *options):
        tls = f"{self.cluster.folder}/tls"
        run_program([
            "openssl", "x509", "-req", "-in", f"{tls}/server.csr", "-CA", f"{tls}/ca.crt",
            "-CAkey", f"{tls}/ca.key", "-CAcreateserial", "-extfile", f"{tls}/names",
            "-out", f"{tls}/server.crt", *options])

    def reload(self):
        self.cluster.psql("postgres", "SELECT pg_reload_conf()")

    def test_a_certificate_that_is_out_of_date_or_revoked(self):
        tls = f"{self.cluster.folder}/tls"
        shutil.copy(f"{tls}/server.crt", f"{tls}/kept.crt")
        self.addCleanup(self.reload)
        self.addCleanup(shutil.move, f"{tls}/kept.crt", f"{tls}/server.crt")
        self.sign("-days", "-1")
        self.reload()
        self.wait_for_answer("require", None, 0)
        for sslmode in ("verify-ca", "verify-full"):
            with self.subTest(sslmode):
                result = self.try_once(sslmode, "good", True)
                self.assertEqual(1, result.status)
                self.assertIn(UNTRUSTED, result.stdout)
        shutil.copy(f"{tls}/kept.crt", f"{tls}/server.crt")
        self.reload()
        self.wait_for_answer("verify-full", "good", 0)
        revoked = self.revoke(tls)
        self.assertIn(UNTRUSTED, self.try_once("verify-full", "good", True, sslcrl=revoked).stdout)

    def wait_for_answer(self, sslmode, trusted, status):
        for _ in range(50):
            result = self.try_once(sslmode, trusted, True)
            if result.status == status:
                return
        self.fail(result.stdout)

    @staticmethod
    def revoke(tls):
        with open(f"{tls}/index.txt", "w", encoding="ascii"):
            pass
        with open(f"{tls}/ca.conf", "w", encoding="ascii") as file:
            file.write(f"[ca]\ndefault_ca=own\n[own]\ndatabase={tls}/index.txt\n"
                       f"certificate={tls}/ca.crt\nprivate_key={tls}/ca.key\n"
                       "default_md=sha256\ndefault_crl_days=2\n")
        openssl = ["openssl", "ca", "-config", f"{tls}/ca.conf"]
        run_program([*openssl, "-revoke", f"{tls}/server.crt"])
        run_program([*openssl, "-gencrl", "-out", f"{tls}/revoked.pem"])
        return f"{tls}/revoked.pem"

    def test_a_certificate_of_our_own(self):
        """The server lets in who has a certificate that its authority signed for this user."""
        tls = f"{self.cluster.folder}/tls"
        make_authority(tls, "clients")
        keys = self.folder()
        for authority in ("clients", "other_ca"):
            run_program(["openssl", "req", "-nodes", "-subj", "/CN=postgres", "-newkey", "ec",
                         "-pkeyopt", "ec_paramgen_curve:prime256v1",
                         "-keyout", f"{keys}/{authority}.key", "-out", f"{keys}/csr"])
            run_program(["openssl", "x509", "-req", "-days", "2", "-in", f"{keys}/csr",
                         "-CA", f"{tls}/{authority}.crt", "-CAkey", f"{tls}/{authority}.key",
                         "-CAcreateserial", "-out", f"{keys}/{authority}.crt"])
            os.chmod(f"{keys}/{authority}.key", 0o600)
        shutil.copy(f"{tls}/clients.crt", f"{self.cluster.data}/clients.crt")
        give_to_server_user(f"{self.cluster.data}/clients.crt")
        access = f"{self.cluster.data}/pg_hba.conf"
        shutil.copy(access, f"{access}.kept")
        with open(access, "w", encoding="ascii") as file:
            file.write("local all all trust\nhostssl all all 127.0.0.1/32 cert\n")
        self.addCleanup(self.reload)
        self.addCleanup(shutil.copy, f"{access}.kept", access)
        self.psql("ALTER SYSTEM SET ssl_ca_file = 'clients.crt'")
        self.reload()

        def own(name):
            return {"sslcert": f"{keys}/{name}.crt", "sslkey": f"{keys}/{name}.key"}
        for _ in range(50):
            result = self.try_once("verify-full", "good", True, **own("clients"))
            if result.status == 0:
                break
        self.assert_good(result)
        for parameters, words in ((own("other_ca"), "SSL error: tlsv1 alert unknown ca"),
                                  ({}, "connection requires a valid client certificate")):
            result = self.try_once("verify-full", "good", True, **parameters)
            self.assertEqual(1, result.status)
            self.assertIn(words, result.stdout)
